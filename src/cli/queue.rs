use std::time::Duration;

use super::client::Operator;
use super::error::{CliError, Exit};
use super::print::{as_json, counted, out};
use super::review_args::ReviewArguments;
use super::target::{Offline, Target};
use crate::config::Settings;
use crate::daemon::{QueueFilter, QueueItem, ReviewQueue, Screenings, review_queue};
use crate::model::{Escaped, Timestamp};

/// Items that are printed; `--json` has up to a thousand.
const MAX_PRINTED: usize = 50;

/// Lists the servers that wait for a reviewer.
pub(super) async fn queue(
    settings: Settings,
    arguments: ReviewArguments,
) -> Result<Exit, CliError> {
    let ReviewArguments { expiring, owner, tier, kind, json, .. } = arguments;
    let filter = QueueFilter { expiring, owner, tier, kind };
    let queue = match Target::open(&settings)? {
        Target::Store(offline) => read(&offline, &filter)?,
        Target::Daemon(operator) => ask(&operator, &filter).await?,
    };
    if json {
        as_json(&queue);
    } else {
        print_queue(&queue);
    }
    Ok(Exit::Done)
}

fn read(offline: &Offline, filter: &QueueFilter) -> Result<ReviewQueue, CliError> {
    let (snapshot, now) = offline.known()?;
    Ok(review_queue(&snapshot, offline.policy(), &Screenings::offline(), now, filter)?)
}

async fn ask(operator: &Operator, filter: &QueueFilter) -> Result<ReviewQueue, CliError> {
    let QueueFilter { expiring, owner, tier, kind } = filter;
    let tier = tier.map(|tier| tier.to_string());
    let seconds = expiring.as_secs().to_string();
    let mut query = vec![("expiring", seconds.as_str())];
    query.extend(owner.as_deref().map(|owner| ("owner", owner)));
    query.extend(tier.as_deref().map(|tier| ("tier", tier)));
    query.extend(kind.map(|kind| ("kind", kind.as_str())));
    operator.get(&["reviews"], &query).await
}

fn print_queue(queue: &ReviewQueue) {
    if queue.items.is_empty() {
        return out("Nothing waits.");
    }
    for item in queue.items.iter().take(MAX_PRINTED) {
        print_item(item, queue.as_of);
    }
    let printed = queue.items.len().min(MAX_PRINTED) as u64;
    if queue.total > printed {
        out(&format!(
            "and {} more; `--kind`, `--owner` and `--tier` select",
            queue.total - printed
        ));
    }
    out("`vidimus review NAME` prints the review sheet of a server.");
}

fn print_item(item: &QueueItem, now: Timestamp) {
    let QueueItem { kind, name, version, versions, since, until, owner, tier, .. } = item;
    let others = match versions.saturating_sub(1) {
        0 => String::new(),
        others => format!(" and {}", counted(others, "other version", "other versions")),
    };
    let ends =
        until.filter(|until| *until > now).map(|until| format!("in {}", age(until.since(now))));
    let facts = [
        Some(format!("seen {} ago", age(now.since(*since)))),
        ends,
        owner.as_ref().map(|owner| format!("owner {}", Escaped(owner))),
        tier.map(|tier| format!("tier {tier}")),
    ];
    let facts = facts.into_iter().flatten().collect::<Vec<_>>().join(", ");
    out(&format!("{:<15} {name} {}{others} ({facts})", kind.as_str(), Escaped(version)));
    out(&format!("{:<15} {}", "", Escaped(&item.reason)));
}

/// Returns a length of time in the greatest unit that has one whole.
fn age(time: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let seconds = time.as_secs();
    match seconds {
        DAY.. => counted(seconds / DAY, "day", "days"),
        HOUR.. => counted(seconds / HOUR, "hour", "hours"),
        _ => counted(seconds / MINUTE, "minute", "minutes"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(0, "0 minutes")]
    #[case(119, "1 minute")]
    #[case(7_200, "2 hours")]
    #[case(86_400, "1 day")]
    #[case(8_640_000, "100 days")]
    fn age_has_one_unit(#[case] seconds: u64, #[case] text: &str) {
        assert_eq!(age(Duration::from_secs(seconds)), text);
    }
}
