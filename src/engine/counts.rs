//! The books: every message read is processed, rejected, late or duplicate.

use crate::decode::Rejection;
use crate::domain::Kind;
use crate::observe::Verdict;

/// What was read, and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    processed: [u64; Kind::RECORDED.len()],
    rejected: [u64; Rejection::ALL.len()],
    /// Events whose pane was sealed already.
    pub late: u64,
    /// Events whose identifier was seen already.
    pub duplicate: u64,
}

impl Counts {
    /// Books one message.
    pub fn add(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Processed(kind) => {
                // What is derived is no message, and never booked.
                if let Some(processed) = self.processed.get_mut(kind as usize) {
                    *processed += 1;
                }
            }
            Verdict::Rejected(reason) => self.rejected[reason as usize] += 1,
            Verdict::Late => self.late += 1,
            Verdict::Duplicate => self.duplicate += 1,
        }
    }

    /// Messages read that were not blank: by construction the sum of what became of them.
    pub fn read(&self) -> u64 {
        self.processed_in_all() + self.rejected_in_all() + self.late + self.duplicate
    }

    /// Events that count, by kind.
    pub fn processed(&self) -> impl Iterator<Item = (Kind, u64)> {
        Kind::RECORDED
            .into_iter()
            .map(|kind| (kind, self.processed[kind as usize]))
    }

    /// Events that count.
    pub fn processed_in_all(&self) -> u64 {
        self.processed.iter().sum()
    }

    /// Messages refused, by reason.
    pub fn rejected(&self) -> impl Iterator<Item = (Rejection, u64)> {
        Rejection::ALL
            .into_iter()
            .map(|reason| (reason, self.rejected[reason as usize]))
    }

    /// Messages refused.
    pub fn rejected_in_all(&self) -> u64 {
        self.rejected.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_books_balance_whatever_happens() {
        let mut counts = Counts::default();
        let verdicts = Rejection::ALL
            .map(Verdict::Rejected)
            .into_iter()
            .chain(Kind::RECORDED.map(Verdict::Processed))
            .chain([Verdict::Late, Verdict::Duplicate]);
        let mut read = 0;
        for (times, verdict) in verdicts.enumerate() {
            for _ in 0..=times {
                counts.add(verdict);
                read += 1;
            }
        }
        assert_eq!(counts.read(), read);
        assert_eq!(
            counts.rejected().map(|(_, n)| n).sum::<u64>(),
            counts.rejected_in_all()
        );
        assert!(counts.processed().all(|(_, n)| n > 0));
    }
}
