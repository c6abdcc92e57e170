//! Certificates for tests of TLS, made by OpenSSL.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

/// An authority that nobody trusts unless told to, and a certificate of it for `localhost`.
pub struct Certificates(TempDir);

impl Certificates {
    /// Makes them.
    pub fn new() -> Self {
        let this = Self(tempfile::tempdir().unwrap());
        fs::write(this.0.path().join("names"), "subjectAltName=DNS:localhost\n").unwrap();
        this.openssl("req -x509 -keyout ca.key -out ca.pem -subj /CN=authority -days 2", NEW_KEY);
        this.openssl("req -keyout server.key -out server.csr -subj /CN=localhost", NEW_KEY);
        this.openssl(
            "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 2 -extfile names",
            "",
        );
        this
    }

    fn openssl(&self, arguments: &str, more: &str) {
        let mut openssl = Command::new("openssl");
        openssl.current_dir(self.0.path()).args(arguments.split(' ')).args(more.split_whitespace());
        let output = openssl.output().expect("openssl runs: install Debian's package openssl");
        assert!(output.status.success(), "{arguments}: {output:?}");
    }

    /// The authority's certificate, as a value of `SSL_CERT_FILE`.
    pub fn authority(&self) -> PathBuf {
        self.0.path().join("ca.pem")
    }

    /// The server's certificate.
    pub fn certificate(&self) -> PathBuf {
        self.0.path().join("server.pem")
    }

    /// The server's key.
    pub fn key(&self) -> PathBuf {
        self.0.path().join("server.key")
    }
}

const NEW_KEY: &str = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";

impl Default for Certificates {
    fn default() -> Self {
        Self::new()
    }
}
