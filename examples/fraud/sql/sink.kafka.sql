-- Each flagged swipe becomes a message of the topic `alerts`, keyed by its swipe: a swipe that is no longer flagged
-- (a late one changed what came before it) is taken back by a tombstone.
CREATE SINK alerts FROM flagged WITH (
    connector = 'kafka',
    topic = 'alerts',
    properties.bootstrap.server = 'localhost:9092'
) FORMAT UPSERT ENCODE JSON KEY (swipe_id);
