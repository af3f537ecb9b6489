//! Why input is refused.

use std::fmt;

/// The reason an event was refused; a closed set, and a label on a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rejection {
    /// The message is larger than an event may be.
    TooLarge,
    /// The bytes are not UTF-8.
    NotUtf8,
    /// The text is not JSON.
    NotJson,
    /// The JSON is nested too deeply.
    TooDeep,
    /// A member stands twice.
    DuplicateMember,
    /// A required member is absent.
    MissingMember,
    /// A member has a value of another type than the schema's.
    WrongType,
    /// An enumeration has a value that the schema does not know.
    UnknownValue,
    /// A text is longer, or a list has more items, than the schema allows.
    TooLong,
    /// A number lies outside what the schema allows.
    OutOfRange,
    /// The time lies too far ahead of the partition's other events.
    TimeFuture,
    /// The time lies too far behind the partition's other events.
    TimePast,
}

impl Rejection {
    /// Every reason.
    pub const ALL: [Rejection; 12] = [
        Rejection::TooLarge,
        Rejection::NotUtf8,
        Rejection::NotJson,
        Rejection::TooDeep,
        Rejection::DuplicateMember,
        Rejection::MissingMember,
        Rejection::WrongType,
        Rejection::UnknownValue,
        Rejection::TooLong,
        Rejection::OutOfRange,
        Rejection::TimeFuture,
        Rejection::TimePast,
    ];

    /// As metrics and summaries write it.
    pub fn name(self) -> &'static str {
        match self {
            Rejection::TooLarge => "too_large",
            Rejection::NotUtf8 => "not_utf8",
            Rejection::NotJson => "not_json",
            Rejection::TooDeep => "too_deep",
            Rejection::DuplicateMember => "duplicate_member",
            Rejection::MissingMember => "missing_member",
            Rejection::WrongType => "wrong_type",
            Rejection::UnknownValue => "unknown_value",
            Rejection::TooLong => "too_long",
            Rejection::OutOfRange => "out_of_range",
            Rejection::TimeFuture => "time_future",
            Rejection::TimePast => "time_past",
        }
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
