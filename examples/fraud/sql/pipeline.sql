-- Card fraud, end to end: swipes in, flagged swipes with their reasons out. `swipes` is made by source.embedded.sql or by
-- source.kafka.sql, `cards` and `past_swipes` by tables.sql; nothing below depends on which.

-- Trained by model/train.py. The path is relative to the working directory.
CREATE MODEL fraud FROM 'examples/fraud/model/fraud.onnx';

-- What each card used to do.
CREATE MATERIALIZED VIEW card_history AS
SELECT card_id, COUNT(*) AS past_swipes, AVG(amount) AS mean_amount, MAX(amount) AS largest_amount
FROM past_swipes
GROUP BY card_id;

-- Each swipe beside the card's previous one and its last minutes and day. One partition and order for all.
CREATE MATERIALIZED VIEW trail AS
SELECT swipe_id, card_id, amount, currency, merchant, category, city, lat, lon, ts,
       LAG(category) OVER by_card AS previous_category,
       LAG(city)     OVER by_card AS previous_city,
       LAG(lat)      OVER by_card AS previous_lat,
       LAG(lon)      OVER by_card AS previous_lon,
       LAG(ts)       OVER by_card AS previous_ts,
       COUNT(*)      OVER last_minutes AS swipes_10m,
       COUNT(*) FILTER (WHERE amount < 3) OVER last_minutes AS small_10m,
       COUNT(*)      OVER last_day AS swipes_1d,
       SUM(amount)   OVER last_day AS spent_1d
FROM swipes
WINDOW by_card      AS (PARTITION BY card_id ORDER BY ts),
       last_minutes AS (PARTITION BY card_id ORDER BY ts RANGE BETWEEN INTERVAL '10 minutes' PRECEDING AND CURRENT ROW),
       last_day     AS (PARTITION BY card_id ORDER BY ts RANGE BETWEEN INTERVAL '1 day' PRECEDING AND CURRENT ROW);

-- … beside its holder and the card's history: how far, how fast, how unlike the card.
CREATE MATERIALIZED VIEW enriched AS
SELECT t.swipe_id, t.card_id, c.holder, t.amount, t.currency, t.merchant, t.category, t.city, t.ts,
       t.previous_category, t.previous_city,
       t.swipes_10m, t.small_10m, t.swipes_1d,
       CAST(t.spent_1d AS DOUBLE PRECISION) / CAST(NULLIF(c.avg_amount, 0) AS DOUBLE PRECISION) AS spent_1d_ratio,
       CAST(t.amount AS DOUBLE PRECISION) / CAST(NULLIF(c.avg_amount, 0) AS DOUBLE PRECISION) AS amount_ratio,
       CAST(t.amount AS DOUBLE PRECISION)
           / CAST(NULLIF(COALESCE(h.mean_amount, c.avg_amount), 0) AS DOUBLE PRECISION) AS mean_ratio,
       CAST(t.amount AS DOUBLE PRECISION)
           / CAST(NULLIF(COALESCE(h.largest_amount, c.avg_amount), 0) AS DOUBLE PRECISION) AS largest_ratio,
       haversine_km(t.previous_lat, t.previous_lon, t.lat, t.lon) AS km,
       CAST(EXTRACT(EPOCH FROM t.ts - t.previous_ts) AS DOUBLE PRECISION) AS seconds,
       haversine_km(c.home_lat, c.home_lon, t.lat, t.lon) AS km_from_home,
       CAST(EXTRACT(HOUR FROM t.ts) AS INTEGER) AS hour_of_day,
       (CAST(EXTRACT(HOUR FROM t.ts) AS INTEGER) - c.usual_from + 24) % 24 >= c.usual_hours AS odd_hour,
       t.category IN ('electronics', 'jewellery', 'gift cards') AS odd_category
FROM trail t
JOIN cards c ON c.card_id = t.card_id
LEFT JOIN card_history h ON h.card_id = t.card_id;

-- … and scored. The order of the arguments is the order of the model's features.
CREATE MATERIALIZED VIEW scored AS
SELECT *,
       predict(fraud,
           CAST(amount AS DOUBLE PRECISION),
           amount_ratio,
           mean_ratio,
           largest_ratio,
           COALESCE(km, 0),
           COALESCE(km_per_hour, 0),
           COALESCE(seconds, 86400),
           CAST(swipes_10m AS DOUBLE PRECISION),
           CAST(small_10m AS DOUBLE PRECISION),
           CAST(swipes_1d AS DOUBLE PRECISION),
           spent_1d_ratio,
           km_from_home,
           CASE WHEN odd_hour THEN 1.0 ELSE 0.0 END,
           CASE WHEN odd_category THEN 1.0 ELSE 0.0 END
       ) AS score
FROM (SELECT *, km / NULLIF(seconds, 0) * 3600 AS km_per_hour FROM enriched) e;

-- The swipes that somebody should look at, and why, in words.
CREATE MATERIALIZED VIEW flagged AS
SELECT swipe_id, card_id, holder, ts, amount, currency, merchant, category, city, score,
       concat_ws('; ',
           CASE WHEN too_fast THEN
               category || ' in ' || city || ' ' ||
               CASE WHEN seconds < 60 THEN 'seconds'
                    WHEN seconds < 120 THEN 'a minute'
                    WHEN seconds < 7200 THEN CAST(CAST(floor(seconds / 60) AS BIGINT) AS TEXT) || ' minutes'
                    ELSE CAST(CAST(floor(seconds / 3600) AS BIGINT) AS TEXT) || ' hours' END ||
               ' after ' || previous_category || ' in ' || previous_city || ': ' ||
               CASE WHEN speed >= 1000000 THEN
                        CAST(speed / 1000000 AS TEXT) || ',' || lpad(CAST(speed / 1000 % 1000 AS TEXT), 3, '0')
                    ELSE CAST(speed / 1000 AS TEXT) END ||
               ',' || lpad(CAST(speed % 1000 AS TEXT), 3, '0') || ' km/h'
           END,
           CASE WHEN tested THEN
               CAST(amount AS TEXT) || ' ' || currency || ' after ' || CAST(small_10m AS TEXT) ||
               ' payments of less than 3 within 10 minutes'
           END,
           CASE WHEN unlike THEN
               category || ' at ' || lpad(CAST(hour_of_day AS TEXT), 2, '0') ||
               ':00 UTC, outside the card''s hours, for ' || CAST(CAST(floor(amount_ratio) AS BIGINT) AS TEXT) ||
               ' times its average'
           END,
           CASE WHEN score >= 0.9 THEN
               'the model is ' || CAST(CAST(round(score * 100) AS BIGINT) AS TEXT) || ' % sure'
           END
       ) AS reason
FROM (
    SELECT *,
           CAST(round(km_per_hour / 100) AS BIGINT) * 100 AS speed,
           COALESCE(km > 300 AND km_per_hour > 1000, FALSE) AS too_fast,
           small_10m >= 4 AND amount_ratio >= 5 AS tested,
           odd_category AND odd_hour AND amount_ratio >= 3 AS unlike
    FROM scored
) judged
WHERE too_fast OR tested OR unlike OR score >= 0.9;
