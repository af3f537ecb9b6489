//! Hashes of values, keyed.

use siphasher::sip::SipHasher13;
use std::hash::Hasher;

/// Hashes values with a key of the deployment, so that nobody can choose values that collide.
///
/// SipHash-1-3 gives the same hash on every machine and in every version, which a hash that
/// uses the processor's AES instructions does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueHasher {
    key: (u64, u64),
}

impl ValueHasher {
    /// With the deployment's key.
    pub const fn new(key: (u64, u64)) -> ValueHasher {
        ValueHasher { key }
    }

    /// The hash of a value.
    #[inline]
    pub fn hash(&self, value: &str) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.key.0, self.key.1);
        hasher.write(value.as_bytes());
        hasher.finish()
    }

    /// The hash of the `number`-th part of a value.
    #[inline]
    pub fn hash_numbered(&self, value: &str, number: u64) -> u64 {
        let mut hasher = SipHasher13::new_with_keys(self.key.0, self.key.1);
        hasher.write(&number.to_le_bytes());
        hasher.write(value.as_bytes());
        hasher.finish()
    }
}
