-- Swipes as they arrive, kept in Millrace's own log: an appender or INSERT puts them in.
CREATE STREAM swipes (
    swipe_id BIGINT NOT NULL,
    card_id  BIGINT NOT NULL,
    amount   NUMERIC(10,2) NOT NULL,
    currency TEXT,
    merchant TEXT,
    category TEXT,
    city     TEXT,
    lat      DOUBLE PRECISION,
    lon      DOUBLE PRECISION,
    ts       TIMESTAMPTZ NOT NULL,
    WATERMARK FOR ts AS ts - INTERVAL '10 seconds'
);
