//! The file-backed component conforms to the contract.

use host_tests::host::Host;

session_conformance::conformance_tests!(Host::new());
