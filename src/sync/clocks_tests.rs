use proptest::prelude::*;

use super::*;

const MINUTE: i64 = 60 * MICROS;
const YEAR: i64 = 365 * 24 * 60 * MINUTE;

fn at(minute: i64) -> Timestamp {
    Timestamp::from_micros(1_000 * YEAR / 20 + minute * MINUTE)
}

fn moment(minute: i64) -> Duration {
    Duration::from_secs(60 * minute.unsigned_abs())
}

fn accepted(ahead: i64) -> AcceptedClock {
    AcceptedClock {
        ahead,
        at: at(0),
        by: "alice".into(),
        reason: "the upstream is wrong".into(),
        actor: Actor::DataFolder,
    }
}

/// Returns clocks that agreed with one upstream at minute 0.
fn agreed() -> Clocks {
    let mut clocks = Clocks::default();
    clocks.stated("a", at(1), at(0), moment(0));
    clocks
}

#[test]
fn without_a_date_our_clock_is_used_whatever_it_says() {
    let clocks = Clocks::default();
    for minute in [0, -50_000, 900_000] {
        let reading = clocks.read(at(minute), moment(3));
        assert_eq!((reading.time, reading.agreement), (at(minute), Agreement::Unknown));
    }
}

#[rstest::rstest]
#[case::within_the_tolerance(9, Agreement::Agreed, 5 + 9)]
#[case::ahead(12, Agreement::Skewed, 5)]
#[case::a_year_ahead(YEAR / MINUTE, Agreement::Skewed, 5)]
#[case::behind(-12, Agreement::Skewed, 5)]
fn clock_that_was_set_is_noticed_before_the_next_date(
    #[case] jump: i64,
    #[case] agreement: Agreement,
    #[case] time: i64,
) {
    let reading = agreed().read(at(5 + jump), moment(5));
    assert_eq!((reading.agreement, reading.time), (agreement, at(time)));
}

#[test]
fn one_upstream_that_agrees_is_enough_and_one_that_lies_moves_nothing() {
    let mut clocks = agreed();
    clocks.stated("liar", at(500_000), at(2), moment(2));
    assert_eq!(clocks.read(at(3), moment(3)).agreement, Agreement::Agreed);
    clocks.keep_only(&["liar".to_owned()].into(), at(3), moment(3));
    let reading = clocks.read(at(3), moment(3));
    assert_eq!((reading.agreement, reading.time), (Agreement::Skewed, at(3)));
}

#[test]
fn acceptance_lasts_until_the_clocks_agree_or_the_difference_changes() {
    let mut clocks = agreed();
    clocks.stated("a", at(-100), at(5), moment(5));
    assert_eq!(clocks.read(at(5), moment(5)).agreement, Agreement::Skewed);
    clocks.accept(accepted(105 * 60), at(5), moment(5));
    let agreement = |clocks: &Clocks, system, now| clocks.read(at(system), moment(now)).agreement;
    assert_eq!(agreement(&clocks, 9, 9), Agreement::Accepted);
    assert_eq!(agreement(&clocks, 18, 9), Agreement::Accepted, "within the tolerance");
    assert_eq!(agreement(&clocks, 25, 9), Agreement::Skewed, "it was set again");
    // Upstream corrects its clock, and loses it again.
    clocks.stated("a", at(10), at(10), moment(10));
    assert_eq!((agreement(&clocks, 10, 10), clocks.accepted()), (Agreement::Agreed, None));
    clocks.stated("a", at(-95), at(11), moment(11));
    assert_eq!(agreement(&clocks, 11, 11), Agreement::Skewed);
}

fn record(skewed: bool) -> ClockRecord {
    ClockRecord {
        agreed: at(0),
        skewed,
        confirmed: None,
        doubted: None,
        latest: None,
        accepted: None,
    }
}

#[test]
fn clock_before_the_last_agreed_time_is_wrong_without_any_date() {
    let clocks = Clocks::resumed(record(false), moment(100));
    let reading = clocks.read(at(-11), moment(103));
    assert_eq!((reading.agreement, reading.time), (Agreement::Skewed, at(3)));
    let reading = clocks.read(at(-9), moment(101));
    assert_eq!((reading.agreement, reading.time), (Agreement::Unknown, at(-9)), "within it");
}

#[test]
fn time_far_beyond_the_last_use_waits_for_a_date_and_no_longer_than_that() {
    let mut clocks = Clocks::resumed(record(false), moment(0)).awaiting_a_date();
    assert_eq!(clocks.read(at(5_000), moment(1)).time, at(1));
    let mut disproved = clocks.clone();
    disproved.stated("a", at(60), at(5_000), moment(1));
    assert_eq!(disproved.read(at(5_001), moment(2)).time, at(2), "agreed, and measured since");
    let mut confirmed = clocks.clone();
    confirmed.stated("a", at(5_001), at(5_000), moment(1));
    assert_eq!(confirmed.read(at(5_001), moment(2)).time, at(5_001));
    clocks.stop_waiting();
    assert_eq!(clocks.read(at(5_000), moment(1)).time, at(5_000), "nothing is known");
}

#[test]
fn clock_that_was_distrusted_stays_so_over_a_restart() {
    let mut clocks = Clocks::resumed(record(true), moment(0)).awaiting_a_date();
    clocks.stop_waiting();
    let reading = clocks.read(at(5_000), moment(1));
    assert_eq!((reading.agreement, reading.time), (Agreement::Skewed, at(1)));
    let kept = clocks.record(at(5_000), moment(1)).expect("an agreed time");
    let confirmed = Some(at(1));
    assert_eq!(kept, ClockRecord { agreed: at(1), confirmed, ..record(true) });
    clocks.stated("a", at(5_000), at(5_000), moment(1));
    assert_eq!(clocks.record(at(5_000), moment(1)).map(|kept| kept.skewed), Some(false));
}

/// P100.
#[test]
fn false_date_after_a_start_ends_no_time_that_was_used_without_one() {
    let mut clocks = Clocks::resumed(record(false), moment(0)).awaiting_a_date();
    clocks.stop_waiting();
    clocks.settle(at(5_000), moment(1));
    clocks.stated("liar", at(1), at(5_010), moment(11));
    for minute in [11, 12, 70] {
        let reading = clocks.read(at(4_999 + minute), moment(minute));
        assert_eq!(reading.agreement, Agreement::Skewed);
        assert_eq!((reading.time, reading.latest), (at(4_999 + minute), at(4_999 + minute)));
    }
}

/// P100.
#[rstest::rstest]
#[case::upstream_says_more(90_000, 5_000)]
#[case::upstream_says_a_part(3_000, 3_000)]
#[case::upstream_says_nothing_went_by(-500, 1)]
fn stop_was_as_long_as_our_clock_and_an_upstream_say_for_what_ends(
    #[case] stated: i64,
    #[case] latest: i64,
) {
    let mut clocks = Clocks::resumed(record(false), moment(0)).awaiting_a_date();
    clocks.stated("a", at(stated), at(5_000), moment(1));
    let reading = clocks.read(at(5_000), moment(1));
    assert_eq!((reading.agreement, reading.time), (Agreement::Skewed, at(1)));
    assert_eq!(reading.latest, at(latest));
    // What ended does not begin again after a restart without any answer.
    clocks.settle(at(5_000), moment(1));
    let kept = clocks.record(at(5_000), moment(1)).expect("an agreed time");
    let resumed = Clocks::resumed(kept, moment(0));
    assert_eq!(resumed.read(at(5_100), moment(1)).latest, at(latest + 1));
}

/// P100.
#[test]
fn upstreams_that_contradict_a_clock_and_are_removed_make_it_no_better() {
    let mut clocks = agreed();
    let far = YEAR / MINUTE;
    assert_eq!(clocks.read(at(far), moment(5)).agreement, Agreement::Skewed);
    clocks.keep_only(&BTreeSet::new(), at(far), moment(5));
    let reading = clocks.read(at(far + 1), moment(6));
    assert_eq!((reading.agreement, reading.time), (Agreement::Skewed, at(6)));
    let mut trusted = agreed();
    trusted.keep_only(&BTreeSet::new(), at(5), moment(5));
    assert_eq!(trusted.read(at(6), moment(6)).agreement, Agreement::Unknown);
}

proptest! {
    /// P100: what is read is never later than the last agreed time plus what was measured since, while our clock
    /// differs from all upstreams.
    #[test]
    fn clock_that_jumps_moves_no_time_beyond_the_agreed_one(
        steps in prop::collection::vec((0..20_i64, prop::option::of(-YEAR..YEAR), prop::option::of(-YEAR..YEAR)), 1..40),
    ) {
        let mut clocks = Clocks::default();
        let (mut measured, mut offset, mut date_offset) = (0, 0, 0);
        let mut last_agreed: Option<(i64, i64)> = None;
        for (minutes, jump, stated) in steps {
            measured += minutes * MINUTE;
            offset = jump.unwrap_or(offset);
            let moment = Duration::from_micros(measured.unsigned_abs());
            let system = at(0).as_micros() + measured + offset;
            if let Some(stated) = stated {
                date_offset = stated;
                let date = Timestamp::from_micros(at(0).as_micros() + measured + stated);
                clocks.stated("a", date, Timestamp::from_micros(system), moment);
            } else {
                clocks.settle(Timestamp::from_micros(system), moment);
            }
            let reading = clocks.read(Timestamp::from_micros(system), moment);
            match reading.agreement {
                Agreement::Agreed => {
                    prop_assert!(!exceeds(offset - date_offset));
                    last_agreed = Some((system, measured));
                }
                Agreement::Skewed => {
                    if let Some((agreed, when)) = last_agreed {
                        prop_assert_eq!(reading.time.as_micros(), agreed + measured - when);
                    }
                }
                Agreement::Unknown | Agreement::Accepted => {}
            }
        }
    }
}

/// P100: an upstream that lies ends approvals early at worst.
#[test]
fn nothing_begins_by_a_time_that_no_other_clock_confirms() {
    let mut clocks = Clocks::resumed(record(false), moment(0)).awaiting_a_date();
    clocks.stop_waiting();
    clocks.settle(at(5_000), moment(1));
    assert_eq!(clocks.read(at(5_000), moment(1)).time, at(5_000), "nothing contradicts it");
    assert_eq!(clocks.earliest(at(5_000), moment(1)), at(1));
    // Over another restart.
    let kept = clocks.record(at(5_000), moment(1)).expect("an agreed time");
    let mut clocks = Clocks::resumed(kept, moment(0)).awaiting_a_date();
    assert_eq!(clocks.earliest(at(9_000), moment(0)), at(1));
    assert_eq!(clocks.doubted(), Some(at(5_000)), "a review after it stays");
    clocks.stated("liar", at(900_000), at(9_000), moment(1));
    clocks.stated("honest", at(60), at(9_000), moment(1));
    let reading = clocks.read(at(9_000), moment(1));
    assert!(reading.latest > at(5_000), "{reading:?}");
    assert_eq!(clocks.earliest(at(9_000), moment(1)), at(2));
    clocks.stated("honest", at(9_000), at(9_000), moment(1));
    assert_eq!((clocks.earliest(at(9_000), moment(1)), clocks.doubted()), (at(9_000), None));
    // A daemon of files alone has no other clock.
    assert_eq!(Clocks::resumed(record(false), moment(0)).earliest(at(9_000), moment(0)), at(9_000));
}
