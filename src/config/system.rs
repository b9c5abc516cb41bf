use std::io::Error;

use rustix::io::Errno;

/// Returns true if an error says something of the system at this moment, and nothing of a file: there are no descriptors or
/// memory, or a disk or a mount gives no answer.
pub(super) fn is_of_system(error: &Error) -> bool {
    let errno = Errno::from_io_error(error);
    errno.is_some_and(|errno| {
        [
            Errno::AGAIN,
            Errno::HOSTDOWN,
            Errno::HOSTUNREACH,
            Errno::INTR,
            Errno::IO,
            Errno::MFILE,
            Errno::NETUNREACH,
            Errno::NFILE,
            Errno::NOBUFS,
            Errno::NOMEM,
            Errno::NOTCONN,
            Errno::STALE,
            Errno::TIMEDOUT,
        ]
        .contains(&errno)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[rstest::rstest]
    #[case(Errno::MFILE, true)]
    #[case(Errno::IO, true)]
    #[case(Errno::STALE, true)]
    #[case(Errno::ACCESS, false)]
    #[case(Errno::NOENT, false)]
    #[case(Errno::LOOP, false)]
    fn only_an_error_of_the_system_says_nothing_of_a_file(
        #[case] errno: Errno,
        #[case] wanted: bool,
    ) {
        assert_eq!(is_of_system(&errno.into()), wanted);
    }
}
