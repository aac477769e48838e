-- Swipes as they arrive in a Kafka topic, one JSON object a message. They are kept in Millrace's log too, so that their
-- history can be queried; messages that cannot be read go to a dead-letter stream with the reason.
CREATE SOURCE swipes (
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
) WITH (
    connector = 'kafka',
    topic = 'swipes',
    properties.bootstrap.server = 'localhost:9092',
    scan.startup.mode = 'earliest'
) FORMAT PLAIN ENCODE JSON;
