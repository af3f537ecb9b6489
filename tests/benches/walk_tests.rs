use super::walk::*;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64;

/// Contacts until the walk decides, and what it decides.
fn decide(hit: f64, random: &mut Pcg64) -> (u32, bool) {
    let mut walk = Walk::default();
    for contacts in 1.. {
        let ratio = walk.step(random.random::<f64>() < hit, &CLASSIC);
        let ratio = ratio.expect("not benign before it is decided");
        if ratio >= CLASSIC.upper() || ratio <= CLASSIC.lower() {
            return (contacts, ratio >= CLASSIC.upper());
        }
    }
    unreachable!("a walk decides")
}

#[test]
fn a_scanner_is_found_after_the_published_number_of_contacts() {
    let mut random = Pcg64::seed_from_u64(3);
    let walks: Vec<_> = (0..20_000)
        .map(|_| decide(CLASSIC.scanner, &mut random))
        .collect();
    let contacts: f64 = walks.iter().map(|walk| f64::from(walk.0)).sum::<f64>() / 20_000.0;
    // Wald: ((1-β) ln A + β ln B) / drift = 4.5034 / 0.8318 = 5.41 without overshoot; the steps
    // are of ln 4, so the boundary at 3.31 steps is met at 4: 4 / 0.6 = 6.6 contacts.
    assert!((contacts - 6.6).abs() < 0.1, "{contacts}");
    let found = walks.iter().filter(|walk| walk.1).count();
    assert!(found > 19_800, "{found}");
}

#[test]
fn the_benign_are_accepted_and_never_looked_at_again() {
    let mut random = Pcg64::seed_from_u64(4);
    let wrong = (0..20_000)
        .filter(|_| decide(CLASSIC.benign, &mut random).1)
        .count();
    assert!(wrong < 200, "{wrong}");
    let mut walk = Walk::default();
    while walk.step(true, &CLASSIC).is_some() {}
    assert_eq!(
        walk.step(false, &CLASSIC),
        None,
        "known-good look-ups buy silence"
    );
}
