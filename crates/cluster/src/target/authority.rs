//! The certificates that a server's certificate is checked against.

use std::path::PathBuf;

use data_encoding::BASE64;
use kube::config::Cluster;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use super::TargetError;

/// Reads the authority's certificates, each as DER. `None` means the machine's own collection.
pub(super) fn certificates(cluster: &Cluster) -> Result<Option<Vec<Vec<u8>>>, TargetError> {
    let data = cluster.certificate_authority_data.as_deref();
    let pem = match (data.filter(|data| !data.is_empty()), file(cluster)) {
        (Some(data), _) => BASE64
            .decode(data.trim().as_bytes())
            .map_err(|error| TargetError::Authority(format!("it is not base64: {error}")))?,
        (None, Some(path)) => {
            std::fs::read(&path).map_err(|source| TargetError::Unreadable { path, source })?
        }
        (None, None) => return Ok(None),
    };
    parse(&pem).map(Some)
}

fn file(cluster: &Cluster) -> Option<PathBuf> {
    let path = cluster.certificate_authority.as_deref()?;
    (!path.is_empty()).then(|| path.into())
}

/// Takes the certificates out of PEM.
pub(super) fn parse(pem: &[u8]) -> Result<Vec<Vec<u8>>, TargetError> {
    let certificates: Result<Vec<Vec<u8>>, _> = CertificateDer::pem_slice_iter(pem)
        .map(|certificate| certificate.map(|certificate| certificate.to_vec()))
        .collect();
    let certificates =
        certificates.map_err(|error| TargetError::Authority(format!("it is not PEM: {error}")))?;
    match certificates.is_empty() {
        true => Err(TargetError::Authority(
            "there is no certificate in it".to_owned(),
        )),
        false => Ok(certificates),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_certificate_is_said() {
        let with = |data: &str| Cluster {
            certificate_authority_data: Some(data.to_owned()),
            ..Cluster::default()
        };
        for data in ["%%%", "aGVsbG8K"] {
            let error = certificates(&with(data)).unwrap_err();
            assert!(matches!(error, TargetError::Authority(_)), "{error}");
        }
        assert_eq!(certificates(&with("")).unwrap(), None);
        let missing = Cluster {
            certificate_authority: Some("/nowhere/ca.crt".to_owned()),
            ..Cluster::default()
        };
        let error = certificates(&missing).unwrap_err();
        assert!(matches!(error, TargetError::Unreadable { .. }), "{error}");
    }
}
