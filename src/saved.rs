//! How state is written down: values whose own form does not say it, or not in one way.
//!
//! State is written as [postcard] writes what serde tells it of: fields in the order of their
//! declaration, without names; integers of more than a byte as varints, signed ones in zigzag; floats
//! as their bits, so that they come back to the last one. Equal states are equal bytes.
//!
//! [postcard]: https://postcard.jamesmunns.com/wire-format

use serde::{Serialize, Serializer};
use std::collections::{HashMap, HashSet};

/// A hash map, in the order of its keys.
pub(crate) fn map<K, V, H, S>(map: &HashMap<K, V, H>, serializer: S) -> Result<S::Ok, S::Error>
where
    K: Ord + Serialize,
    V: Serialize,
    S: Serializer,
{
    let mut all: Vec<(&K, &V)> = map.iter().collect();
    all.sort_unstable_by_key(|(key, _)| *key);
    serializer.collect_map(all)
}

/// A hash set, in order.
pub(crate) fn set<T, H, S>(set: &HashSet<T, H>, serializer: S) -> Result<S::Ok, S::Error>
where
    T: Ord + Serialize,
    S: Serializer,
{
    let mut all: Vec<&T> = set.iter().collect();
    all.sort_unstable();
    serializer.collect_seq(all)
}

/// Large arrays on the heap.
pub(crate) mod boxed {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use serde_big_array::BigArray;

    pub(crate) fn serialize<T, S, const N: usize>(
        array: &[T; N],
        serializer: S,
    ) -> Result<S::Ok, S::Error>
    where
        T: Serialize,
        S: Serializer,
    {
        BigArray::serialize(array, serializer)
    }

    pub(crate) fn deserialize<'de, T, D, const N: usize>(
        deserializer: D,
    ) -> Result<Box<[T; N]>, D::Error>
    where
        T: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        <[T; N] as BigArray<T>>::deserialize(deserializer).map(Box::new)
    }
}
