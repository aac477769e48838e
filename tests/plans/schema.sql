create stream swipes (swipe_id bigint, card_id bigint, amount numeric(10,2), merchant text, category text, city text, lat double precision, lon double precision, ts timestamptz not null);
create table cards (card_id bigint primary key, holder text, home_city text, home_lat double precision, home_lon double precision, avg_amount numeric(10,2) not null);
create table t1 (a integer primary key, b integer, c text, d boolean, x double precision, s smallint);
create table t2 (a integer primary key, b integer not null, e bigint, f numeric(12,4), g date, h timestamp);
create model fraud from 'fraud.onnx';
create view big as select swipe_id, card_id, amount from swipes where amount > 100;
create materialized view totals as select card_id, count(*) as n, sum(amount) as total from swipes group by card_id;
