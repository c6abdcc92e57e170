//! The locks of the runtime and of the component `lock-files` keep what `advisory-locks` promises.

mod chain;
mod files;
mod lease;

mod runtime {
    use host_tests::locks::host::HostLocks;
    use session_runtime::LockSpace;

    mod in_a_process {
        use super::*;
        host_tests::lock_conformance_tests!(HostLocks(LockSpace::process()));
    }

    mod on_a_machine {
        use super::*;
        host_tests::lock_conformance_tests!({
            let directory = tempfile::tempdir().unwrap();
            // It stays open without its name.
            HostLocks(LockSpace::machine(directory.path().join("locks")).unwrap())
        });
    }
}
