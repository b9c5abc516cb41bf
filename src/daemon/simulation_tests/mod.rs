//! Weeks of a daemon, in any order: upstreams that publish, rewrite, delete and lose rows; reviewers who edit overlays,
//! acknowledge and release; owners that come and go; a clock that jumps; kills, full disks and failing fsyncs.
//!
//! The loops of the services take their turns over one store in memory. After each step what is served equals a fresh
//! evaluation, readers have what is served, and nothing goes beyond what people decided: the files, the first
//! acceptance of each content and everything that was shown are remembered apart from the daemon, and the rules are
//! stated here a second time.
//!
//! `VIDIMUS_TEST_SEED` selects the first world, `VIDIMUS_SIMULATION_STEPS` the number of steps in all worlds.

mod actions;
mod checks;
mod daemon;
#[path = "../../../tests/it/decisions/dice.rs"]
mod dice;
mod disk;
mod holds;
mod oracle;
mod overlays;
mod owners;
mod plans;
mod reader;
mod upstream;
mod world;

use plans::Planned;
use world::World;

/// Steps of one world; the next one begins with an empty store.
const WORLD: usize = 500;

fn variable(name: &str, default: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// P19, P23, P26, P48, P49, P75.
#[test]
fn weeks_of_events_serve_what_people_decided_and_no_more() {
    let seed = variable("VIDIMUS_TEST_SEED", 1);
    let mut left = usize::try_from(variable("VIDIMUS_SIMULATION_STEPS", 500)).expect("a number");
    let mut number = 0;
    while left > 0 {
        let steps = left.min(WORLD);
        let mut world = World::new(seed + number);
        for _ in 0..steps {
            world.step();
        }
        world.end(steps);
        (left, number) = (left - steps, number + 1);
    }
}

#[test]
fn plan_followed_by_loading_yields_exactly_what_was_planned() {
    let seed = variable("VIDIMUS_TEST_SEED", 1);
    let mut planned = Planned::default();
    for number in 0..3 {
        let mut world = World::new(seed + 1_000 + number);
        for _ in 0..30 {
            world.check_plan(&mut planned);
            for _ in 0..3 {
                world.step();
            }
        }
    }
    assert!(planned.refused * 3 < planned.loaded, "{planned:?}");
    assert_eq!(planned.effects.len(), 3, "{planned:?}");
    assert!(planned.effects.values().all(|entries| *entries > 10), "{planned:?}");
}
