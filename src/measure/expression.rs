//! What a detection measures, as the configuration writes it: `count`, `sum(records)`,
//! `distinct(seller)`, or a ratio of two of them, `distinct(shipment) / count`.

use crate::domain::{Event, Member};
use std::fmt;

/// A number on an event that can be summed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Quantity {
    /// `records`, 1 where absent.
    Records,
    /// `bytes`, 0 where absent.
    Bytes,
    /// `pieces`, 1 where absent.
    Pieces,
}

impl Quantity {
    const ALL: [Quantity; 3] = [Quantity::Records, Quantity::Bytes, Quantity::Pieces];

    /// Its name in the event schema.
    pub fn name(self) -> &'static str {
        match self {
            Quantity::Records => "records",
            Quantity::Bytes => "bytes",
            Quantity::Pieces => "pieces",
        }
    }

    /// Its value on an event.
    #[inline]
    pub fn of(self, event: &Event<'_>) -> u64 {
        match self {
            Quantity::Records => event.record_count(),
            Quantity::Bytes => event.bytes.unwrap_or(0),
            Quantity::Pieces => event.pieces.unwrap_or(1),
        }
    }
}

/// One thing that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Term {
    /// Number of events.
    Count,
    /// Sum of a quantity.
    Sum(Quantity),
    /// Number of distinct values of a member.
    Distinct(Member),
}

impl Term {
    /// The member whose distinct values are counted.
    pub fn distinct_member(self) -> Option<Member> {
        match self {
            Term::Distinct(member) => Some(member),
            Term::Count | Term::Sum(_) => None,
        }
    }

    fn parse(text: &str) -> Result<Term, String> {
        let text = text.trim();
        if text == "count" {
            return Ok(Term::Count);
        }
        let inner = |function: &str| {
            text.strip_prefix(function)?
                .trim()
                .strip_prefix('(')?
                .strip_suffix(')')
                .map(str::trim)
        };
        if let Some(name) = inner("sum") {
            return Quantity::ALL
                .into_iter()
                .find(|quantity| quantity.name() == name)
                .map(Term::Sum)
                .ok_or_else(|| {
                    format!("`{name}` cannot be summed; records, bytes and pieces can")
                });
        }
        if let Some(name) = inner("distinct") {
            return Member::named(name).map(Term::Distinct).ok_or_else(|| {
                format!("`{name}` is no member of an event that can be told apart")
            });
        }
        Err(format!(
            "`{text}` is no measure; write count, sum(records), distinct(seller) or a ratio of two, such as distinct(shipment) / count"
        ))
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Term::Count => f.write_str("count"),
            Term::Sum(quantity) => write!(f, "sum({})", quantity.name()),
            Term::Distinct(member) => write!(f, "distinct({member})"),
        }
    }
}

/// A measure, or the share one measure has in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Expression {
    /// What is measured.
    pub of: Term,
    /// What it is measured against.
    pub per: Option<Term>,
}

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// A sentence that says what is wrong and what can be written.
    pub fn parse(text: &str) -> Result<Expression, String> {
        match text.split_once('/') {
            None => Ok(Expression {
                of: Term::parse(text)?,
                per: None,
            }),
            Some((of, per)) => Ok(Expression {
                of: Term::parse(of)?,
                per: Some(Term::parse(per)?),
            }),
        }
    }

    /// The terms it is made of.
    pub fn terms(self) -> impl Iterator<Item = Term> {
        std::iter::once(self.of).chain(self.per)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.per {
            None => self.of.fmt(f),
            Some(per) => write!(f, "{} / {per}", self.of),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_read_back_what_they_print() {
        for text in [
            "count",
            "sum(records)",
            "distinct(seller)",
            "distinct(shipment) / count",
        ] {
            assert_eq!(Expression::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            Expression::parse(" sum ( bytes ) ").unwrap().to_string(),
            "sum(bytes)"
        );
    }

    #[test]
    fn a_wrong_expression_says_what_can_be_written() {
        for text in [
            "",
            "mean(records)",
            "sum(seller)",
            "distinct(colour)",
            "count /",
            "sum records",
        ] {
            assert!(Expression::parse(text).unwrap_err().len() > 20, "{text}");
        }
    }
}
