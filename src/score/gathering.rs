//! Which panes are complete: those that every source partition has sealed.

use super::gap::Gap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What came of a source partition.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Partition {
    /// Every pane before this one has arrived.
    sealed_before: Option<i64>,
    /// Panes wait for it.
    is_awaited: bool,
    /// It has nothing to read, and goes where the others are.
    is_idle: bool,
}

/// Parts of panes, one per source partition, that wait for those of other partitions.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Gathering<P> {
    /// Every source partition there was.
    partitions: BTreeMap<i32, Partition>,
    /// Each by its partition: in whatever order they came, they are the same bytes and are taken in the
    /// same order.
    pending: BTreeMap<i64, BTreeMap<i32, P>>,
    /// Some of what came was lost.
    gap: Option<Gap>,
}

impl<P> Default for Gathering<P> {
    fn default() -> Gathering<P> {
        Gathering {
            partitions: BTreeMap::new(),
            pending: BTreeMap::new(),
            gap: None,
        }
    }
}

impl<P> Gathering<P> {
    /// From now on panes wait for this partition. One that comes back has sealed every pane before
    /// `sealed_before`, and need not speak before others go on.
    pub(super) fn join(&mut self, partition: i32, sealed_before: Option<i64>) {
        let known = self.partitions.entry(partition).or_default();
        known.sealed_before = known.sealed_before.max(sealed_before);
        known.is_awaited = true;
    }

    /// Panes no longer wait for this partition.
    pub(super) fn leave(&mut self, partition: i32) {
        if let Some(known) = self.partitions.get_mut(&partition) {
            known.is_awaited = false;
        }
    }

    /// Panes no longer wait for any partition, until it joins.
    pub(super) fn leave_all(&mut self) {
        for known in self.partitions.values_mut() {
            known.is_awaited = false;
        }
    }

    /// Whether this partition has nothing to read.
    pub(super) fn set_idle(&mut self, partition: i32, is_idle: bool) {
        self.partitions.entry(partition).or_default().is_idle = is_idle;
    }

    /// A partition has sealed every pane before `sealed_before`, and these are what is in them. Who
    /// reads again from where it was sends again what is here already: that is left out.
    pub(super) fn arrive(
        &mut self,
        partition: i32,
        sealed_before: i64,
        parts: impl IntoIterator<Item = (i64, P)>,
    ) {
        let known = self.partitions.entry(partition).or_default();
        let arrived = known.sealed_before.unwrap_or(i64::MIN);
        if let Some(gap) = &mut self.gap
            && known.sealed_before < Some(sealed_before)
        {
            gap.hear(partition, sealed_before);
        }
        known.sealed_before = known.sealed_before.max(Some(sealed_before));
        known.is_awaited = true;
        for (pane, part) in parts {
            if pane >= arrived {
                self.pending
                    .entry(pane)
                    .or_default()
                    .insert(partition, part);
            }
        }
    }

    /// Some of what came before what comes next was lost.
    pub(super) fn interrupt(&mut self) {
        self.gap = Some(Gap::default());
    }

    /// Whether something was lost, and not all partitions were heard of again.
    pub(super) fn is_interrupted(&self) -> bool {
        self.gap.is_some()
    }

    /// Whether panes before `joint` lack nothing. Those after it do not either, where all partitions, which
    /// have come so far, were heard of again.
    pub(super) fn is_whole(&mut self, joint: i64, reached: &BTreeMap<i32, i64>) -> bool {
        let is_whole = self.gap.is_none();
        self.gap.take_if(|gap| gap.is_over(joint, reached));
        is_whole
    }

    /// Every awaited partition has sealed all panes before this one. A partition that has sealed
    /// nothing holds all others back, until it speaks or leaves.
    pub(super) fn joint(&self) -> Option<i64> {
        let awaited = self.partitions.values().filter(|known| known.is_awaited);
        awaited.map(|known| known.sealed_before).min().flatten()
    }

    /// The same, of the partitions that have something to read: where idle ones are to go.
    pub(super) fn joint_of_busy(&self) -> Option<i64> {
        let awaited = self.partitions.values().filter(|known| known.is_awaited);
        let busy = awaited.filter(|known| !known.is_idle);
        busy.map(|known| known.sealed_before).min().flatten()
    }

    /// How far each partition has come.
    pub(super) fn reached(&self) -> BTreeMap<i32, i64> {
        let come =
            |(partition, known): (&i32, &Partition)| Some((*partition, known.sealed_before?));
        self.partitions.iter().filter_map(come).collect()
    }

    /// Whether every partition has come so far.
    pub(super) fn has_reached(&self, reached: &BTreeMap<i32, i64>) -> bool {
        reached.iter().all(|(partition, sealed_before)| {
            let known = self.partitions.get(partition);
            known.is_some_and(|known| known.sealed_before >= Some(*sealed_before))
        })
    }

    /// Takes out all parts of panes before `joint`, by pane; of each partition, those of panes before
    /// what `reached` says of it.
    pub(super) fn take_before(
        &mut self,
        joint: i64,
        reached: impl Fn(i32) -> i64,
    ) -> BTreeMap<i64, Vec<P>> {
        let later = self.pending.split_off(&joint);
        let ready = std::mem::replace(&mut self.pending, later);
        let mut taken = BTreeMap::new();
        for (pane, parts) in ready {
            let (now, not_yet): (BTreeMap<_, _>, BTreeMap<_, _>) = parts
                .into_iter()
                .partition(|(partition, _)| pane < reached(*partition));
            if !not_yet.is_empty() {
                self.pending.insert(pane, not_yet);
            }
            if !now.is_empty() {
                taken.insert(pane, now.into_values().collect());
            }
        }
        taken
    }

    /// Panes of which a part waits.
    pub(super) fn panes(&self) -> usize {
        self.pending.len()
    }
}
