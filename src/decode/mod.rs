//! Bytes in, an event or a reason for rejecting it out.
//!
//! Nothing a producer sends can make this panic, copy without bound or take long; whatever is
//! refused is refused by a reason of a closed set. Imports only the domain.

mod native;
mod rejection;
mod time;

pub use native::decode;
pub use rejection::Rejection;

/// Whether a line or message is blank: skipped, and not counted as read.
pub fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(u8::is_ascii_whitespace)
}
