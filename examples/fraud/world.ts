/** The fixed vocabulary of the example: cities with their coordinates, categories, merchants, currencies, names. */

export interface City {
  readonly name: string
  readonly lat: number
  readonly lon: number
  /** Hours east of UTC; whole hours are enough to place a holder's day. */
  readonly utcOffset: number
  readonly currency: string
}

const city = (name: string, lat: number, lon: number, utcOffset: number, currency: string): City => ({
  name,
  lat,
  lon,
  utcOffset,
  currency,
})

export const CITIES: readonly City[] = [
  city('London', 51.5074, -0.1278, 0, 'GBP'),
  city('New York', 40.7128, -74.006, -5, 'USD'),
  city('Paris', 48.8566, 2.3522, 1, 'EUR'),
  city('Berlin', 52.52, 13.405, 1, 'EUR'),
  city('Madrid', 40.4168, -3.7038, 1, 'EUR'),
  city('Barcelona', 41.3874, 2.1686, 1, 'EUR'),
  city('Rome', 41.9028, 12.4964, 1, 'EUR'),
  city('Milan', 45.4642, 9.19, 1, 'EUR'),
  city('Vienna', 48.2082, 16.3738, 1, 'EUR'),
  city('Zurich', 47.3769, 8.5417, 1, 'CHF'),
  city('Geneva', 46.2044, 6.1432, 1, 'CHF'),
  city('Amsterdam', 52.3676, 4.9041, 1, 'EUR'),
  city('Brussels', 50.8503, 4.3517, 1, 'EUR'),
  city('Lisbon', 38.7223, -9.1393, 0, 'EUR'),
  city('Porto', 41.1579, -8.6291, 0, 'EUR'),
  city('Dublin', 53.3498, -6.2603, 0, 'EUR'),
  city('Edinburgh', 55.9533, -3.1883, 0, 'GBP'),
  city('Manchester', 53.4808, -2.2426, 0, 'GBP'),
  city('Copenhagen', 55.6761, 12.5683, 1, 'EUR'),
  city('Stockholm', 59.3293, 18.0686, 1, 'EUR'),
  city('Oslo', 59.9139, 10.7522, 1, 'EUR'),
  city('Helsinki', 60.1699, 24.9384, 2, 'EUR'),
  city('Warsaw', 52.2297, 21.0122, 1, 'EUR'),
  city('Prague', 50.0755, 14.4378, 1, 'EUR'),
  city('Budapest', 47.4979, 19.0402, 1, 'EUR'),
  city('Athens', 37.9838, 23.7275, 2, 'EUR'),
  city('Istanbul', 41.0082, 28.9784, 3, 'EUR'),
  city('Munich', 48.1351, 11.582, 1, 'EUR'),
  city('Hamburg', 53.5511, 9.9937, 1, 'EUR'),
  city('Lyon', 45.764, 4.8357, 1, 'EUR'),
  city('Boston', 42.3601, -71.0589, -5, 'USD'),
  city('Chicago', 41.8781, -87.6298, -6, 'USD'),
  city('Los Angeles', 34.0522, -118.2437, -8, 'USD'),
  city('San Francisco', 37.7749, -122.4194, -8, 'USD'),
  city('Seattle', 47.6062, -122.3321, -8, 'USD'),
  city('Denver', 39.7392, -104.9903, -7, 'USD'),
  city('Houston', 29.7604, -95.3698, -6, 'USD'),
  city('Miami', 25.7617, -80.1918, -5, 'USD'),
  city('Atlanta', 33.749, -84.388, -5, 'USD'),
  city('Toronto', 43.6532, -79.3832, -5, 'CAD'),
  city('Montreal', 45.5019, -73.5674, -5, 'CAD'),
  city('Vancouver', 49.2827, -123.1207, -8, 'CAD'),
  city('Mexico City', 19.4326, -99.1332, -6, 'USD'),
  city('Bogota', 4.711, -74.0721, -5, 'USD'),
  city('Lima', -12.0464, -77.0428, -5, 'USD'),
  city('Sao Paulo', -23.5505, -46.6333, -3, 'USD'),
  city('Buenos Aires', -34.6037, -58.3816, -3, 'USD'),
  city('Santiago', -33.4489, -70.6693, -4, 'USD'),
  city('Johannesburg', -26.2041, 28.0473, 2, 'USD'),
  city('Cape Town', -33.9249, 18.4241, 2, 'USD'),
  city('Nairobi', -1.2921, 36.8219, 3, 'USD'),
  city('Cairo', 30.0444, 31.2357, 2, 'USD'),
  city('Dubai', 25.2048, 55.2708, 4, 'USD'),
  city('Mumbai', 19.076, 72.8777, 5, 'USD'),
  city('Bangkok', 13.7563, 100.5018, 7, 'USD'),
  city('Singapore', 1.3521, 103.8198, 8, 'SGD'),
  city('Hong Kong', 22.3193, 114.1694, 8, 'USD'),
  city('Seoul', 37.5665, 126.978, 9, 'USD'),
  city('Tokyo', 35.6762, 139.6503, 9, 'USD'),
  city('Sydney', -33.8688, 151.2093, 10, 'AUD'),
  city('Melbourne', -37.8136, 144.9631, 10, 'AUD'),
  city('Auckland', -36.8509, 174.7645, 12, 'NZD'),
]

export const CURRENCIES: readonly string[] = ['USD', 'EUR', 'GBP', 'CHF', 'CAD', 'AUD', 'SGD', 'NZD']

/** `everyday` categories can be a holder's usual one; `scale` is the price level against the holder's average. */
export interface Category {
  readonly name: string
  readonly everyday: boolean
  readonly scale: number
}

export const CATEGORIES: readonly Category[] = [
  { name: 'coffee', everyday: true, scale: 0.3 },
  { name: 'groceries', everyday: true, scale: 1 },
  { name: 'petrol', everyday: true, scale: 1.2 },
  { name: 'restaurant', everyday: true, scale: 1 },
  { name: 'lunch', everyday: true, scale: 0.5 },
  { name: 'pharmacy', everyday: true, scale: 0.6 },
  { name: 'public transport', everyday: true, scale: 0.3 },
  { name: 'taxi', everyday: true, scale: 0.6 },
  { name: 'books', everyday: true, scale: 0.7 },
  { name: 'clothes', everyday: true, scale: 1.5 },
  { name: 'online shopping', everyday: true, scale: 1 },
  { name: 'hotel', everyday: false, scale: 3 },
  { name: 'electronics', everyday: false, scale: 3 },
  { name: 'jewellery', everyday: false, scale: 4 },
  { name: 'gift cards', everyday: false, scale: 1.5 },
]

const BRAND_WORDS = [
  'Acorn',
  'Beacon',
  'Cobalt',
  'Dune',
  'Ember',
  'Fjord',
  'Garnet',
  'Harbour',
  'Indigo',
  'Juniper',
  'Kestrel',
  'Lantern',
  'Meadow',
  'Northstar',
  'Orchard',
  'Pebble',
  'Quarry',
  'Riverside',
  'Saffron',
  'Tidal',
] as const
const SHOP_WORDS = [
  'Coffee',
  'Market',
  'Fuel',
  'Kitchen',
  'Deli',
  'Pharmacy',
  'Transit',
  'Cabs',
  'Books',
  'Clothing',
  'Online',
  'Hotel',
  'Electronics',
  'Jewellers',
  'Gifts',
] as const

/** A chain with a shop in every city: merchants BRANDS·c … BRANDS·c + BRANDS-1 sell category c. */
export const BRANDS = BRAND_WORDS.length
export const MERCHANTS: readonly string[] = SHOP_WORDS.flatMap((shop) => BRAND_WORDS.map((brand) => `${brand} ${shop}`))

export const FIRST_NAMES = [
  'Ada',
  'Ben',
  'Chloe',
  'David',
  'Elena',
  'Farid',
  'Grace',
  'Hugo',
  'Ines',
  'Jonas',
  'Kira',
  'Liam',
  'Mei',
  'Nora',
  'Omar',
  'Priya',
  'Quentin',
  'Rosa',
  'Sven',
  'Tariq',
  'Uma',
  'Viktor',
  'Wanda',
  'Xavier',
  'Yara',
  'Zoe',
] as const
export const LAST_NAMES = [
  'Adler',
  'Bianchi',
  'Costa',
  'Dubois',
  'Eriksen',
  'Fischer',
  'Garcia',
  'Hughes',
  'Ivanova',
  'Jensen',
  'Kowalski',
  'Laurent',
  'Moreau',
  'Novak',
  'Okafor',
  'Patel',
  'Quinn',
  'Rossi',
  'Silva',
  'Tanaka',
  'Ueda',
  'Varga',
  'Weber',
  'Xu',
  'Yilmaz',
  'Zimmer',
] as const

const EARTH_RADIUS_KM = 6371
const radians = (degrees: number): number => (degrees * Math.PI) / 180

/** Great-circle distance between all pairs of cities, in kilometres, at [from * CITIES.length + to]. */
export const CITY_DISTANCES_KM: Float64Array = (() => {
  const count = CITIES.length
  const distances = new Float64Array(count * count)
  for (let from = 0; from < count; from++) {
    for (let to = 0; to < count; to++) {
      const a = CITIES[from]!
      const b = CITIES[to]!
      const cosine =
        Math.sin(radians(a.lat)) * Math.sin(radians(b.lat)) +
        Math.cos(radians(a.lat)) * Math.cos(radians(b.lat)) * Math.cos(radians(a.lon - b.lon))
      distances[from * count + to] = EARTH_RADIUS_KM * Math.acos(Math.min(1, Math.max(-1, cosine)))
    }
  }
  return distances
})()
