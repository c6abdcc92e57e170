//! The locks of the runtime and of the component `lock-files` keep what `advisory-locks` promises.

mod chain;
mod files;
mod lease;
mod shared_directory;

mod runtime {
    use host_tests::locks::host::HostLocks;

    mod in_a_process {
        use super::*;
        host_tests::lock_conformance_tests!(HostLocks::in_a_process());
    }

    mod on_a_machine {
        use super::*;
        host_tests::lock_conformance_tests!(HostLocks::on_a_machine());
    }
}
