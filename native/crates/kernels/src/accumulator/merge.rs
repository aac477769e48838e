//! States that were computed apart come together: those of several threads, and sums that a block's encoding gives
//! without its rows. All states are exact, so the order in which they come together changes nothing.

use arrow_buffer::i256;
use millrace_base::{Error, Result};

use super::{Accumulator, State};

impl Accumulator {
    /// Adds the states of another's groups: that of `from[i]` to that of `into[i]`.
    pub fn merge(&mut self, other: &Self, from: &[u32], into: &[u32]) -> Result<()> {
        assert_eq!(from.len(), into.len());
        let pairs = from.iter().copied().zip(into.iter().copied());
        let places = pairs.clone().map(|(from, into)| (from as usize, into as usize));
        match (&mut self.state, &other.state) {
            (State::Count(a), State::Count(b)) => places.for_each(|(from, into)| a[into] += b[from]),
            (State::Narrow(a), State::Narrow(b)) => places.for_each(|(from, into)| {
                a.counts[into] += b.counts[from];
                a.sums[into] = a.sums[into].wrapping_add(b.sums[from]);
            }),
            (State::Wide(a), State::Wide(b)) => places.for_each(|(from, into)| {
                a.counts[into] += b.counts[from];
                a.sums[into] = a.sums[into].wrapping_add(b.sums[from]);
            }),
            (State::Float(a), State::Float(b)) => places.for_each(|(from, into)| {
                a.counts[into] += b.counts[from];
                a.sums[into].merge(&b.sums[from]);
            }),
            (State::Booleans(a), State::Booleans(b)) => places.for_each(|(from, into)| {
                a[into].0 += b[from].0;
                a[into].1 += b[from].1;
            }),
            (State::Extreme(a), State::Extreme(b)) => a.merge(b, pairs)?,
            (State::Other(a), State::Other(b)) => a.merge(b.as_ref(), &places.collect::<Vec<_>>())?,
            _ => return Err(Error::internal("states of another aggregate")),
        }
        Ok(())
    }

    /// Counts so many rows, whose values are not looked at.
    pub fn add_count(&mut self, group: u32, count: i64) -> Result<()> {
        let State::Count(counts) = &mut self.state else { return Err(Error::internal("not a count")) };
        counts[group as usize] += count;
        Ok(())
    }

    /// Adds `count` values that add up to `sum`; of a decimal, its unscaled values.
    pub fn add_sum(&mut self, group: u32, sum: i128, count: i64) -> Result<()> {
        let group = group as usize;
        match &mut self.state {
            State::Narrow(s) => {
                s.counts[group] += count;
                s.sums[group] = s.sums[group].wrapping_add(sum);
            }
            State::Wide(s) => {
                s.counts[group] += count;
                s.sums[group] = s.sums[group].wrapping_add(i256::from_i128(sum));
            }
            _ => return Err(Error::internal("not a sum of integers")),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{ArrayRef, Float64Array, Int64Array, StringArray};
    use arrow_schema::DataType;
    use rand::{Rng, SeedableRng, rngs::StdRng};

    use crate::{Accumulator, AggregateKind};

    /// Two halves that come together are the whole, for every kind.
    #[test]
    fn merged_halves_are_the_whole() {
        use AggregateKind as K;
        let seed: u64 = rand::rng().random();
        eprintln!("seed {seed}");
        let mut rng = StdRng::seed_from_u64(seed);
        let rows = 500;
        let mut some = |n: i64| (!rng.random_bool(0.2)).then(|| rng.random_range(-n..n));
        let ints: ArrayRef = Arc::new((0..rows).map(|_| some(1 << 40)).collect::<Int64Array>());
        let floats: ArrayRef =
            Arc::new((0..rows).map(|_| some(1 << 40).map(|v| v as f64 / 3.0)).collect::<Float64Array>());
        let texts: ArrayRef = Arc::new((0..rows).map(|_| some(50).map(|v| v.to_string())).collect::<StringArray>());
        let groups: Vec<u32> = (0..rows).map(|_| some(2).map_or(2, |v| (v + 2) as u32 % 4)).collect();
        for values in [&ints, &floats, &texts] {
            for kind in
                [K::CountStar, K::Count, K::Sum, K::Avg, K::Min, K::Max, K::BitXor, K::BitAnd, K::VarSamp, K::StddevPop]
            {
                let numeric = values.data_type() != &DataType::Utf8;
                let output = match (kind, values.data_type()) {
                    (K::Sum | K::Avg, DataType::Utf8) => continue,
                    (K::BitXor | K::BitAnd | K::VarSamp | K::StddevPop, other) if other != &DataType::Int64 => continue,
                    (K::VarSamp | K::StddevPop, _) => DataType::Decimal128(38, 4),
                    (K::CountStar | K::Count, _) => DataType::Int64,
                    (K::Sum | K::Avg, DataType::Int64) => DataType::Decimal128(38, 16),
                    (_, other) => other.clone(),
                };
                let output = if kind == K::Sum && output == DataType::Decimal128(38, 16) {
                    DataType::Decimal128(38, 0)
                } else {
                    output
                };
                let of = |from: usize, len: usize| {
                    let mut state = Accumulator::new(kind, Some(values.data_type()), &output, false).unwrap();
                    state.resize(4);
                    let part = values.slice(from, len);
                    let part = (kind != K::CountStar).then_some(&part);
                    state.update(&groups[from..from + len], part, None, None).unwrap();
                    state
                };
                let (mut merged, second) = (of(0, 200), of(200, 300));
                merged.merge(&second, &[3, 1, 0, 2], &[3, 1, 0, 2]).unwrap();
                let all = [0, 1, 2, 3];
                assert_eq!(&merged.finish(&all).unwrap(), &of(0, rows).finish(&all).unwrap(), "{kind:?} {numeric}");
            }
        }
    }
}
