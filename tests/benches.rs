//! The parts of benchmarks that decide what these print, tested where tests run.

#[allow(dead_code)]
#[path = "../benches/peers/beacon.rs"]
mod beacon;
#[allow(dead_code)]
#[path = "../benches/peers/candidates.rs"]
mod candidates;
#[allow(dead_code)]
#[path = "../benches/peers/farrington.rs"]
mod farrington;
#[allow(dead_code)]
#[path = "../benches/peers/hourly.rs"]
mod hourly;
#[allow(dead_code)]
#[path = "../benches/peers/midas.rs"]
mod midas;
#[allow(dead_code)]
#[path = "../benches/external/nab/archive.rs"]
mod nab_archive;
#[allow(dead_code)]
#[path = "../benches/external/nab/detector.rs"]
mod nab_detector;
#[allow(dead_code)]
#[path = "../benches/external/nab/scorer.rs"]
mod nab_scorer;
#[allow(dead_code)]
#[path = "../benches/external/ranking.rs"]
mod ranking;
#[allow(dead_code)]
#[path = "../benches/peers/walk.rs"]
mod walk;
#[allow(dead_code)]
#[path = "../benches/peers/zscore.rs"]
mod zscore;

#[path = "benches/beacon_tests.rs"]
mod beacon_tests;
#[path = "benches/candidates_tests.rs"]
mod candidates_tests;
#[path = "benches/farrington_tests.rs"]
mod farrington_tests;
#[path = "benches/hourly_tests.rs"]
mod hourly_tests;
#[path = "benches/midas_tests.rs"]
mod midas_tests;
#[path = "benches/nab_archive_tests.rs"]
mod nab_archive_tests;
#[path = "benches/nab_detector_tests.rs"]
mod nab_detector_tests;
#[path = "benches/nab_scorer_tests.rs"]
mod nab_scorer_tests;
#[path = "benches/ranking_tests.rs"]
mod ranking_tests;
#[path = "benches/walk_tests.rs"]
mod walk_tests;
#[path = "benches/zscore_tests.rs"]
mod zscore_tests;
