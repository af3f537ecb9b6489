//! Where reading begins of the partitions that this process is given.
//!
//! Where it left them or was told to go on, or, as one of many, where the group has committed them; at
//! the beginning, of those that were added since; else where `kafka.start` says. That is a place that
//! time moves on from, and as long as nothing of a partition is sealed nobody else writes down where
//! it was, so it is committed, marked as a beginning: what comes meanwhile is not passed over by a
//! restart.

use super::census::Census;
use super::client::{Begun, Context, Origin, TopicPartition, from_metadata};
use crate::config::Start;
use rdkafka::bindings::rd_kafka_resp_err_t as RDKafkaRespErr;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};
use std::collections::BTreeMap;
use std::time::Duration;

const COMMITTED_WITHIN: Duration = Duration::from_secs(10);
const OFFSETS_FOR_TIMES_TIMEOUT: Duration = Duration::from_secs(10);
const ENDS_WITHIN: Duration = Duration::from_secs(5);
const METADATA_WITHIN: Duration = Duration::from_secs(1);
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);
/// Metadata of an offset that is committed because reading begins there.
const BEGINNING: &str = "reading begins here";

/// Where partitions begin.
pub(super) struct Beginnings {
    /// All of them, to be assigned.
    pub(super) list: TopicPartitionList,
    /// Those that begin without history, to be committed.
    marks: TopicPartitionList,
}

impl Beginnings {
    fn add(&mut self, place: &TopicPartition, offset: Offset) {
        let mut element = self.list.add_partition(&place.0, place.1);
        // An offset that a list refuses is one it cannot hold; none of these is.
        let _ = element.set_offset(offset);
    }

    /// Writes down where those begin that have no history.
    pub(super) fn mark(&self, consumer: &BaseConsumer<Context>) {
        if self.marks.count() == 0 {
            return;
        }
        if let Err(error) = consumer.commit(&self.marks, CommitMode::Async) {
            tracing::debug!(%error, "where reading begins is not committed");
        }
    }
}

impl Context {
    /// Counts the partitions of topics that were not counted yet; whether all are by now.
    pub(super) fn take_census(&self, consumer: &BaseConsumer<Context>) -> bool {
        let mut is_whole = true;
        for topic in &self.topics {
            if self.told().census.has(topic) {
                continue;
            }
            match self.count(consumer, topic) {
                Ok(Some(count)) => self.told().census.count(topic, count),
                Ok(None) => is_whole = false,
                // It will not say of the others either.
                Err(_) => return false,
            }
        }
        is_whole
    }

    /// How many partitions this topic had when reading began; `None` where the broker does not say it of
    /// this one.
    fn count(
        &self,
        consumer: &BaseConsumer<Context>,
        topic: &str,
    ) -> Result<Option<i32>, KafkaError> {
        let metadata = consumer.fetch_metadata(Some(topic), METADATA_WITHIN)?;
        let found = metadata.topics().first();
        let count = found.and_then(|found| match found.error() {
            None => Some(found.partitions().len() as i32),
            Some(RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) => Some(0),
            Some(_) => None,
        });
        let Some(count) = count else { return Ok(None) };
        let had = self.had_by_group(consumer, topic, count)?;
        Ok(Some(had.unwrap_or(count)))
    }

    /// How many partitions this topic had, of so many that it has, when the group has read it before;
    /// `None` where it has not, or each process knows by itself.
    fn had_by_group(
        &self,
        consumer: &BaseConsumer<Context>,
        topic: &str,
        count: i32,
    ) -> Result<Option<i32>, KafkaError> {
        if self.origin == Origin::Known || count == 0 {
            return Ok(None);
        }
        let mut all = TopicPartitionList::new();
        all.add_partition_range(topic, 0, count - 1);
        let committed = consumer.committed_offsets(all, METADATA_WITHIN)?;
        let committed = committed.elements();
        // A mark may be that of another who begins in this moment.
        let was_read = |metadata: &str| from_metadata(metadata).is_some();
        let last = committed
            .iter()
            .rfind(|element| was_read(element.metadata()));
        Ok(last.map(|element| element.partition() + 1))
    }

    /// Where these begin.
    pub(super) fn begin(
        &self,
        consumer: &BaseConsumer<Context>,
        partitions: &TopicPartitionList,
    ) -> Beginnings {
        let places: Vec<TopicPartition> = partitions
            .elements()
            .iter()
            .map(|element| (element.topic().to_owned(), element.partition()))
            .collect();
        self.take_census(consumer);
        let is_counted = |place: &TopicPartition| self.told().census.has(&place.0);
        while self.origin == Origin::Committed && !places.iter().all(is_counted) {
            // What is called new by mistake would be read from its beginning, and what is not, passed over.
            tracing::warn!("the broker did not say which partitions there are; asking again");
            std::thread::sleep(ASK_AGAIN_AFTER);
            self.take_census(consumer);
        }
        let known = match self.origin {
            Origin::Known => self.left(consumer, &places),
            Origin::Committed => self.committed(consumer, partitions),
        };
        let mut beginnings = Beginnings {
            list: TopicPartitionList::new(),
            marks: TopicPartitionList::new(),
        };
        for (place, offset) in &known {
            beginnings.add(place, Offset::Offset(*offset));
        }
        let fresh = places.iter().filter(|place| !known.contains_key(*place));
        let census: Census = self.told().census.clone();
        let (new, old): (Vec<_>, Vec<_>) = fresh.partition(|place| census.is_new(place));
        for place in &new {
            tracing::info!(
                topic = place.0,
                partition = place.1,
                "a partition was added; reading it from its beginning"
            );
        }
        let mut starts = listed(new, Offset::Beginning);
        for element in self.start(consumer, old).elements() {
            let mut start = starts.add_partition(element.topic(), element.partition());
            let _ = start.set_offset(match element.offset() {
                at @ (Offset::Offset(_) | Offset::End) => at,
                // Nobody says where: nothing is passed over.
                _ => Offset::Beginning,
            });
        }
        resolve(consumer, &starts, &mut beginnings);
        let mut told = self.told();
        for element in beginnings.list.elements() {
            let place = (element.topic().to_owned(), element.partition());
            if let Offset::Offset(offset) = element.offset() {
                let is_fresh = match self.origin {
                    Origin::Known => !told.positions.contains_key(&place),
                    Origin::Committed => !matches!(told.committed.get(&place), Some(Some(_))),
                };
                told.begun.insert(place, Begun { offset, is_fresh });
            } else {
                told.begun.remove(&place);
            }
        }
        drop(told);
        beginnings
    }

    /// Where this process left partitions. Of those that were read before, but of which nothing was
    /// sealed, where reading began.
    fn left(
        &self,
        consumer: &BaseConsumer<Context>,
        places: &[TopicPartition],
    ) -> BTreeMap<TopicPartition, i64> {
        let mut left = BTreeMap::new();
        let mut begun = TopicPartitionList::new();
        {
            let told = self.told();
            for place in places {
                if let Some(position) = told.positions.get(place) {
                    left.insert(place.clone(), *position);
                } else if told.read_before.contains(place) {
                    begun.add_partition(&place.0, place.1);
                }
            }
        }
        if begun.count() > 0 {
            for element in ask_committed(consumer, &begun).elements() {
                if let Offset::Offset(offset) = element.offset()
                    && element.metadata() == BEGINNING
                {
                    left.insert((element.topic().to_owned(), element.partition()), offset);
                }
            }
        }
        left
    }

    /// Where the group has committed these partitions.
    fn committed(
        &self,
        consumer: &BaseConsumer<Context>,
        partitions: &TopicPartitionList,
    ) -> BTreeMap<TopicPartition, i64> {
        let mut committed = BTreeMap::new();
        let asked = ask_committed(consumer, partitions);
        let mut told = self.told();
        for element in asked.elements() {
            let place = (element.topic().to_owned(), element.partition());
            let resume = from_metadata(element.metadata());
            if let Offset::Offset(offset) = element.offset() {
                committed.insert(place.clone(), offset);
                if resume.is_none() && element.metadata() != BEGINNING {
                    tracing::warn!(
                        topic = place.0,
                        partition = place.1,
                        "an offset was committed by another program; its first minutes are read without what came before"
                    );
                }
            }
            told.committed.insert(place, resume);
        }
        committed
    }

    /// Where `kafka.start` says that these begin.
    fn start(
        &self,
        consumer: &BaseConsumer<Context>,
        places: Vec<&TopicPartition>,
    ) -> TopicPartitionList {
        let at = |time: i64| listed(places.clone(), Offset::Offset(time.max(0)));
        match self.start {
            Start::Earliest => listed(places, Offset::Beginning),
            Start::Latest => listed(places, Offset::End),
            Start::At(time) => at_time(consumer, at(time.0)),
            Start::Ago(ago) => at_time(consumer, at((self.started - ago).0)),
        }
    }
}

/// What is the beginning or the end of a log becomes an offset, as far as the broker says.
fn resolve(consumer: &BaseConsumer<Context>, starts: &TopicPartitionList, into: &mut Beginnings) {
    let mut logical = TopicPartitionList::new();
    for element in starts.elements() {
        if !matches!(element.offset(), Offset::Offset(_)) {
            let mut asked = logical.add_partition(element.topic(), element.partition());
            let _ = asked.set_offset(element.offset());
        }
    }
    // To a broker both are times: all are asked for at once, since an answer can wait behind a fetch.
    let ends = match logical.count() {
        0 => logical,
        _ => consumer
            .offsets_for_times(logical.clone(), ENDS_WITHIN)
            .unwrap_or(logical),
    };
    for element in starts.elements() {
        let place = (element.topic().to_owned(), element.partition());
        let end = ends.find_partition(&place.0, place.1);
        let known = [Some(element.offset()), end.map(|end| end.offset())];
        let known = known.into_iter().flatten();
        let mut known = known.filter(|at| matches!(at, Offset::Offset(_)));
        let Some(offset) = known.next() else {
            into.add(&place, element.offset());
            continue;
        };
        into.add(&place, offset);
        let mut mark = into.marks.add_partition(&place.0, place.1);
        let _ = mark.set_offset(offset);
        mark.set_metadata(BEGINNING);
    }
}

fn listed<'a>(
    places: impl IntoIterator<Item = &'a TopicPartition>,
    offset: Offset,
) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for (topic, partition) in places {
        // An offset that a list refuses is one it cannot hold; none of these is.
        let _ = list.add_partition_offset(topic, *partition, offset);
    }
    list
}

/// Where the group has committed these partitions, waiting for a broker that does not say.
fn ask_committed(
    consumer: &BaseConsumer<Context>,
    partitions: &TopicPartitionList,
) -> TopicPartitionList {
    loop {
        match consumer.committed_offsets(partitions.clone(), COMMITTED_WITHIN) {
            Ok(committed) => return committed,
            Err(error) => {
                tracing::warn!(%error, "the broker did not say what was committed; asking again");
            }
        }
    }
}

fn at_time(consumer: &BaseConsumer<Context>, times: TopicPartitionList) -> TopicPartitionList {
    if times.count() == 0 {
        return times;
    }
    match consumer.offsets_for_times(times.clone(), OFFSETS_FOR_TIMES_TIMEOUT) {
        Ok(offsets) => offsets,
        Err(error) => {
            tracing::warn!(%error, "the broker did not say where kafka.start is; reading from the oldest message");
            let mut list = times;
            let _ = list.set_all_offsets(Offset::Beginning);
            list
        }
    }
}
