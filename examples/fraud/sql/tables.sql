-- The card holders, and what their cards did before the stream begins.
CREATE TABLE cards (
    card_id        BIGINT PRIMARY KEY,
    holder         TEXT NOT NULL,
    home_city      TEXT NOT NULL,
    home_lat       DOUBLE PRECISION NOT NULL,
    home_lon       DOUBLE PRECISION NOT NULL,
    avg_amount     NUMERIC(10,2) NOT NULL,
    stddev_amount  NUMERIC(10,2) NOT NULL,
    usual_category TEXT NOT NULL,
    usual_from     INTEGER NOT NULL,   -- first hour (UTC) of the day in which the card is usually used …
    usual_hours    INTEGER NOT NULL    -- … and for how many hours
);

CREATE STREAM past_swipes (
    card_id  BIGINT NOT NULL,
    amount   NUMERIC(10,2) NOT NULL,
    category TEXT,
    city     TEXT,
    ts       TIMESTAMPTZ NOT NULL
);
