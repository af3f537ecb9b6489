//! The daemon with Apache Kafka: what reaches it, what leaves it, and what it does when the
//! broker or the daemon itself goes away.

mod absence;
mod cluster;
mod configuration;
mod dead_letters;
mod durability;
mod end_to_end;
mod endpoints;
mod leaving;
mod membership;
mod outage;
mod partitions;
mod rebalance;
mod rejection;
mod reload;
mod retention;
mod room;
mod scale;
mod start;
mod state;
