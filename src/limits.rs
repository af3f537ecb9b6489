//! Every bound of the program, in one place.
//!
//! Hitting one is never silent: the code that enforces a bound counts it. Relations between
//! bounds are checked at compile time at the end of this file.

/// Largest message or line that is decoded, in bytes.
pub const EVENT_BYTES_MAX: usize = 1 << 20;
/// Number of accepted event times that the event clock of a partition looks back on.
pub const CLOCK_MEMORY: usize = 64;
/// The watermark is the k-th largest of the remembered times: up to `k - 1` producers whose
/// clocks run ahead cannot drag it along.
pub const CLOCK_RANK: usize = 8;
/// Largest number of minutes a pane can be long, so that a day is a whole number of panes.
pub const PANE_MINUTES_MAX: i64 = 60;
/// Event identifiers remembered per partition for deduplication (16 bytes each).
pub const DEDUPLICATION_IDS_MAX: usize = 1 << 22;
/// Sealed panes that may wait for slower partitions before the fast ones are held back.
pub const PANES_PENDING_MAX: usize = 4096;
/// Panes one step of the event clock may seal one by one; a larger jump skips the empty ones.
pub const WINDOW_CLOSES_PER_STEP_MAX: i64 = 1 << 22;
/// Classes (roles, say) that are told apart in one group; further ones share the last.
pub const CLASSES_MAX: usize = 64;
/// Members that an entity key may be made of.
pub const KEY_MEMBERS_MAX: usize = 4;
/// Members that an alert on a group names.
pub const ALERT_MEMBERS_MAX: usize = 20;
/// Windows and measures that an alert gives as its evidence.
pub const ALERT_EVIDENCE_MAX: usize = 12;
/// Alerts that one detection opens at one moment. Where more would, they have a common cause.
pub const ALERTS_TOGETHER_MAX: usize = 4;
/// Windows that one detection may have.
pub const WINDOWS_MAX: usize = 6;
/// Detections that one configuration may have.
pub const DETECTIONS_MAX: usize = 256;
/// Longest label value on an exported metric, in characters.
pub const LABEL_CHARS_MAX: usize = 128;
/// Series of `vigie_alert_active`, worst first.
pub const ACTIVE_ALERT_SERIES_MAX: usize = 200;
/// Closed alerts kept for the page and the API.
pub const ALERT_HISTORY_MAX: usize = 200;
/// Parcels remembered at a time, about 80 bytes each; beyond it the oldest is forgotten.
pub const PARCELS_MAX: usize = 1 << 21;
/// Accesses out of relation remembered at a time, about 60 bytes each; beyond it the oldest is
/// forgotten.
pub const OUTSIDE_ACCESSES_MAX: usize = 1 << 19;
/// Names of sellers, organisations, actors and roles that parcels refer to.
pub const PARCEL_NAMES_MAX: usize = 1 << 20;
/// Steps of a parcel's way that are told apart; further ones share the last.
pub const STEPS_MAX: usize = 32;
/// Places and carriers, each, whose parcels are told apart; further ones are not judged by place.
pub const PLACES_MAX: usize = 1 << 12;
/// Routes that have leg times of their own; further ones share everybody's.
pub const PARCEL_ROUTES_MAX: usize = 1 << 16;
/// Pairs of places, and legs of a route, each, that have leg times of their own (400 bytes each).
pub const LEG_TIMES_MAX: usize = 1 << 14;
/// Impossible legs that wait for what else happens at their place.
pub const LEGS_HELD_MAX: usize = 1 << 14;
/// A test's p-value above this never leaves the scoring stage as a finding.
pub const FINDING_P_MAX: f64 = 1e-2;
/// Bytes of one line of text read from a file before it is rejected as too large.
pub const LINE_BYTES_MAX: usize = EVENT_BYTES_MAX + 2;
/// Bounded queue between the reading and the judging thread, in messages.
pub const QUEUE_MESSAGES: usize = 64;
/// Parts that judging is divided into in a cluster.
pub const SHARDS_MAX: usize = 64;
/// Open connections of the HTTP server.
pub const HTTP_CONNECTIONS_MAX: usize = 64;
/// Size of a configuration file or list file, in bytes.
pub const CONFIG_BYTES_MAX: u64 = 64 << 20;
/// Detections on windows that calibration tells apart; further ones share the last.
pub const CALIBRATION_SERIES_MAX: usize = DETECTIONS_MAX * WINDOWS_MAX;
/// Classes, regimes and maturities that calibration tells apart; further ones share the last.
pub const CALIBRATION_CLASSES_MAX: usize = 256;
/// Events that one test of a configuration may write out.
pub const TEST_EVENTS_MAX: usize = 2_000_000;
/// Alert records waiting for the broker before the judging thread waits too.
pub const ALERTS_QUEUED_MAX: usize = 10_000;
/// Alert records waiting for room in their file, in bytes.
pub const ALERT_BYTES_WAITING_MAX: usize = 16 << 20;
/// Records of a partition of the alerts topic that are read back at a start, the last ones.
pub const READ_BACK_MAX: i64 = 1 << 20;
/// Rejected messages waiting for the dead-letter topic; what does not fit is counted and let go.
pub const DEAD_LETTERS_QUEUED_MAX: usize = 10_000;
/// The same in KiB of keys, payloads and headers.
pub const DEAD_LETTERS_QUEUED_KBYTES_MAX: usize = 32 << 10;
/// Largest rejected message that is written to the dead-letter topic, in bytes; the topic may take less.
pub const DEAD_LETTER_BYTES_MAX: usize = 16 << 20;

const _: () = {
    assert!(
        CLOCK_RANK < CLOCK_MEMORY / 2,
        "the median must lie behind the watermark"
    );
    assert!(
        LINE_BYTES_MAX > EVENT_BYTES_MAX,
        "a line that is too large must be seen to be so"
    );
    assert!(
        CLASSES_MAX <= u8::MAX as usize,
        "class numbers are stored in a byte"
    );
    assert!(
        STEPS_MAX <= u8::MAX as usize && PLACES_MAX <= u16::MAX as usize,
        "steps are stored in a byte, places in two"
    );
    assert!(FINDING_P_MAX <= 0.01, "findings are the exception");
    assert!(
        DEAD_LETTER_BYTES_MAX > EVENT_BYTES_MAX
            && DEAD_LETTER_BYTES_MAX < DEAD_LETTERS_QUEUED_KBYTES_MAX << 10,
        "what is too large to be an event must fit into the queue"
    );
    assert!(
        CALIBRATION_SERIES_MAX <= u16::MAX as usize,
        "calibration numbers series in two bytes"
    );
    assert!(
        CALIBRATION_CLASSES_MAX <= u16::MAX as usize,
        "calibration numbers classes in two bytes"
    );
};
