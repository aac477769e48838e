-- Rows :from to :to, the same in every database (none divides integers, which not all do alike): integers are mixed by multiplication, and what is popular is so by the
-- cube of a number from 0 to 1. :rows_5 is a fifth of all rows, :seconds how many pass from one to the next. About as many rows as in ClickBench's have a search phrase, a phone, an advertisement.
INSERT INTO hits SELECT
  i * 7000000001,
  CASE WHEN a % 900 = 0 THEN 'Google ' ELSE 'The title of ' END || CAST(page AS TEXT) || ' on a site',
  TIMESTAMP '2013-07-01 00:00:00' + second * INTERVAL '1 second',
  CAST(TIMESTAMP '2013-07-01 00:00:00' + second * INTERVAL '1 second' AS DATE),
  CASE WHEN b % 25 = 0 THEN 62 ELSE CAST(floor(u2 * u2 * u2 * 6500) AS INTEGER) END,
  CAST(floor(u3 * u3 * u3 * :rows_9) AS INTEGER) * 211,
  CAST(floor(u4 * u4 * u4 * 9000) AS INTEGER),
  person * 435090932899 + 640449,
  CASE WHEN c % 700 = 0 THEN 'http://www.google.ru/search/' ELSE 'http://site' || CAST(page % 4001 AS TEXT) || '.ru/page/' END
    || CAST(page AS TEXT) || '?from=' || CAST(d % 7 AS TEXT),
  CASE WHEN d % 5 = 0 THEN '' ELSE
    CASE WHEN d % 3 = 0 THEN 'https://www.' ELSE 'http://' END || 'referer' || CAST(place % 1009 AS TEXT) || '.com/' || CAST(place AS TEXT) END,
  CAST(CASE WHEN a % 10 = 9 THEN 1 ELSE 0 END AS SMALLINT),
  CAST(b % 2000 AS SMALLINT),
  CAST(CASE WHEN c % 20 = 0 THEN 1 + c % 13 ELSE 0 END AS SMALLINT),
  CASE WHEN c % 20 = 0 THEN 'model ' || CAST(c % 160 AS TEXT) ELSE '' END,
  CAST(b % 10 - 1 AS SMALLINT),
  CAST(CASE WHEN d % 8 = 0 THEN 1 + d % 80 ELSE 0 END AS SMALLINT),
  CASE WHEN d % 8 = 0 THEN 'a phrase to search for ' || CAST(CAST(floor(u1 * u1 * u1 * :rows_16) AS BIGINT) AS TEXT) ELSE '' END,
  CAST(CASE WHEN a % 160 = 0 THEN 1 + a % 60 ELSE 0 END AS SMALLINT),
  CAST(c % 1900 AS SMALLINT),
  CAST(d % 1100 AS SMALLINT),
  CAST(CASE WHEN a % 7 = 6 THEN 1 ELSE 0 END AS SMALLINT),
  CAST(CASE WHEN a % 90 = 89 THEN 1 ELSE 0 END AS SMALLINT),
  CAST(CASE WHEN b % 30 = 29 THEN 1 ELSE 0 END AS SMALLINT),
  place % 50 * 3594120000172 + 545465,
  page % 400 * 2868770270353 + 813622
FROM (
  SELECT i, a, b, c, d, u1, u2, u3, u4,
    CAST(floor(CAST(i AS DOUBLE PRECISION) * CAST(':seconds' AS DOUBLE PRECISION)) AS BIGINT) AS second,
    CAST(floor(u1 * u1 * u1 * :rows_5) AS BIGINT) AS page,
    CAST(floor(u3 * u3 * u3 * :rows_7) AS BIGINT) AS place,
    CAST(floor(u2 * u2 * u2 * :rows_6) AS BIGINT) AS person
  FROM (
    SELECT i, a, b, c, d,
      CAST(a AS DOUBLE PRECISION) / 4294967296 AS u1, CAST(b AS DOUBLE PRECISION) / 4294967296 AS u2,
      CAST(c AS DOUBLE PRECISION) / 4294967296 AS u3, CAST(d AS DOUBLE PRECISION) / 4294967296 AS u4
    FROM (
      SELECT i,
        (i * 2654435761 + 17) % 4294967296 * 1597334677 % 4294967296 AS a,
        (i * 2246822519 + 5003) % 4294967296 * 1664525001 % 4294967296 AS b,
        (i * 3266489917 + 900001) % 4294967296 * 1013904223 % 4294967296 AS c,
        (i * 1668265263 + 31337) % 4294967296 * 1812433253 % 4294967296 AS d
      FROM generate_series(CAST(:from AS BIGINT), CAST(:to AS BIGINT)) AS g(i)
    ) mixed
  ) shares
) numbers;
