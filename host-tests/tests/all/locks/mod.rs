//! The locks of the runtime and of the component `lock-files` conform to `advisory-locks`.

mod chain;
mod files;
mod lease;
mod shared_directory;

mod runtime {
    use session_conformance::locks::host::HostLocks;

    mod in_a_process {
        use super::*;
        session_conformance::lock_conformance_tests!(HostLocks::in_a_process());
    }

    mod on_a_machine {
        use super::*;
        session_conformance::lock_conformance_tests!(HostLocks::on_a_machine());
    }
}
