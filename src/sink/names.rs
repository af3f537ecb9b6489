//! The names of all metrics. To change one is a breaking change, and stands in the changelog.

pub(super) const ALERTS: &str = "vigie_alerts_total";
pub(super) const ALERTS_ACTIVE: &str = "vigie_alerts_active";
pub(super) const ALERT_ACTIVE: &str = "vigie_alert_active";
pub(super) const ALERTS_MUTED: &str = "vigie_alerts_muted_total";
pub(super) const ALERT_DELIVERY_FAILURES: &str = "vigie_alert_delivery_failures_total";
pub(super) const EVENTS_READ: &str = "vigie_events_read_total";
pub(super) const EVENTS: &str = "vigie_events_total";
pub(super) const EVENTS_REJECTED: &str = "vigie_events_rejected_total";
pub(super) const EVENTS_LATE: &str = "vigie_events_late_total";
pub(super) const EVENTS_DUPLICATE: &str = "vigie_events_duplicate_total";
pub(super) const PANES_LATE: &str = "vigie_panes_late_total";
pub(super) const DEDUPLICATION_OVERFLOW: &str = "vigie_deduplication_overflow_total";
pub(super) const WATERMARK: &str = "vigie_watermark_timestamp_seconds";
pub(super) const KAFKA_LAG: &str = "vigie_kafka_lag_messages";
pub(super) const KAFKA_ERRORS: &str = "vigie_kafka_errors_total";
pub(super) const ENTITIES: &str = "vigie_entities";
pub(super) const ENTITIES_EVICTED: &str = "vigie_entities_evicted_total";
pub(super) const PARCELS_EVICTED: &str = "vigie_parcels_evicted_total";
pub(super) const STATE_BYTES: &str = "vigie_state_bytes";
pub(super) const TESTS: &str = "vigie_tests_total";
pub(super) const CALIBRATION: &str = "vigie_calibration_ratio";
pub(super) const CHECKPOINT: &str = "vigie_checkpoint_last_success_timestamp_seconds";
pub(super) const CHECKPOINT_FAILURES: &str = "vigie_checkpoint_failures_total";
pub(super) const RELOAD_SUCCESSFUL: &str = "vigie_config_last_reload_successful";
pub(super) const RELOAD_TIME: &str = "vigie_config_last_reload_success_timestamp_seconds";
pub(super) const BUILD_INFO: &str = "vigie_build_info";
