use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The descriptors that connections never get: files, the store, watches, and everything that the daemon asks.
const RESERVED: usize = 256;

/// Raises the limit of open files as far as this process may; returns the limit.
#[must_use]
pub fn raise_descriptors() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let raised = setrlimit(Resource::Nofile, raised).map(|()| raised.current);
    count(raised.unwrap_or(limit.current))
}

/// Returns the limit of open files that this process could raise its own to.
#[must_use]
pub fn descriptors_within_reach() -> usize {
    count(getrlimit(Resource::Nofile).maximum)
}

/// Returns the connections that fit a limit of open files.
#[must_use]
pub const fn fitting_connections(descriptors: usize) -> usize {
    let half = descriptors / 2;
    descriptors - if half < RESERVED { half } else { RESERVED }
}

fn count(limit: Option<u64>) -> usize {
    limit.and_then(|limit| usize::try_from(limit).ok()).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(1_024, 768)]
    #[case(512, 256)]
    #[case(300, 150)]
    #[case(65_536, 65_280)]
    fn connections_leave_descriptors_for_everything_else(
        #[case] limit: usize,
        #[case] wanted: usize,
    ) {
        assert_eq!(fitting_connections(limit), wanted);
    }
}
