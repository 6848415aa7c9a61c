//! Why a list or a watch ended, and what a person can do about it.

use std::{error::Error as _, time::Duration};

use dns_core::objects::Kind;
use kube::core::Status;

use super::path;

/// Why a list or a watch ended before it should.
#[derive(Debug)]
pub(super) enum Trouble {
    /// Nobody listens to the events any more.
    NoReceiver,
    /// The server no longer knows what changed since our version: a new list is needed.
    Expired,
    /// The server does not stream lists.
    NoStreaming(Box<Status>),
    /// The server answered with an error, or there was no answer.
    Client(kube::Error),
    /// Nothing was heard for this long.
    Silence(Duration),
    /// The agent or its machine stood still, and what was sent meanwhile may be lost.
    StoodStill,
    /// The server ended a watch or a list before its time.
    EndedEarly,
    /// An object or a list lacks `metadata.resourceVersion`.
    NoVersion,
}

impl From<kube::Error> for Trouble {
    fn from(error: kube::Error) -> Self {
        match error {
            kube::Error::Api(status) => Self::from(status),
            error => Self::Client(error),
        }
    }
}

impl From<Box<Status>> for Trouble {
    fn from(status: Box<Status>) -> Self {
        // 504 `Timeout: Too large resource version` of a server that lags behind is retried.
        if status.code == 410 {
            return Self::Expired;
        }
        Self::Client(kube::Error::Api(status))
    }
}

impl Trouble {
    /// A refusal of the parameters that ask for a streamed list, as such.
    pub(super) fn of_streamed_list(self) -> Self {
        match self {
            // Servers without the feature call its parameters invalid (422) or bad (400).
            Self::Client(kube::Error::Api(status)) if matches!(status.code, 400 | 422) => {
                Self::NoStreaming(status)
            }
            other => other,
        }
    }

    /// Cause and remedy in one sentence.
    pub(super) fn sentence(&self, server: &str, kind: Kind) -> String {
        let objects = format!("{kind}s");
        match self {
            Self::NoReceiver => format!("nobody listens to changes of {objects} any more"),
            Self::Expired => format!(
                "the API server no longer knows all changes of {objects} since they were last read; \
                 they are listed again"
            ),
            Self::NoStreaming(status) => format!(
                "the API server does not stream lists ({}); {objects} are listed page by page",
                status.message
            ),
            Self::Client(kube::Error::Api(status)) => answered(status, kind),
            Self::Client(error @ kube::Error::SerdeError(_)) => format!(
                "the API server at {server} sent {objects} that cannot be understood ({error}); \
                 check that {} is Kubernetes' own API",
                path(kind)
            ),
            Self::Client(error) => format!(
                "cannot reach the API server at {server} for {objects} ({}); check that it runs and \
                 that its address and certificates are right",
                chain(error)
            ),
            Self::Silence(duration) => format!(
                "nothing was heard of {objects} from the API server at {server} for {} s; check the \
                 network to it and its load",
                duration.as_secs()
            ),
            Self::StoodStill => format!(
                "the agent or its machine stood still, so what the API server at {server} has told of {objects} meanwhile may \
                 be lost; it is asked again. If the machine was not asleep, give the agent more CPU time"
            ),
            Self::EndedEarly => format!(
                "the API server at {server} ended the watch of {objects} early; it may be restarting"
            ),
            Self::NoVersion => format!(
                "the API server at {server} sent {objects} without resourceVersion; check that \
                 {} is Kubernetes' own API",
                path(kind)
            ),
        }
    }
}

fn answered(status: &Status, kind: Kind) -> String {
    let message = &status.message;
    match status.code {
        401 => format!(
            "the API server does not accept the agent's credentials ({message}); renew the token or \
             certificate in the kubeconfig, or the service account's"
        ),
        403 => {
            let (group, resource) = match kind {
                Kind::Namespace => ("\"\"", "namespaces"),
                Kind::Service => ("\"\"", "services"),
                Kind::EndpointSlice => ("discovery.k8s.io", "endpointslices"),
            };
            format!(
                "the API server forbids the agent to read {kind}s ({message}); give it a ClusterRole \
                 with the verbs list and watch on {resource} in the API group {group}"
            )
        }
        404 => format!(
            "the API server does not know {} ({message}); Kubernetes 1.21 or later is needed",
            path(kind)
        ),
        code => format!("the API server answered {code} for {kind}s ({message})"),
    }
}

/// An error with its causes, each once.
fn chain(error: &kube::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let inner = error.to_string();
        if !text.contains(&inner) {
            text = format!("{text}: {inner}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(code: u16) -> Box<Status> {
        let mut status = Status::failure("why", "Reason");
        status.code = code;
        Box::new(status)
    }

    #[test]
    fn a_refusal_names_the_verbs_the_resource_and_its_group() {
        let trouble = Trouble::from(status(403));
        assert_eq!(
            trouble.sentence("https://s", Kind::EndpointSlice),
            "the API server forbids the agent to read EndpointSlices (why); give it a ClusterRole \
             with the verbs list and watch on endpointslices in the API group discovery.k8s.io"
        );
    }

    #[test]
    fn only_an_expired_version_calls_for_a_new_list() {
        assert!(matches!(Trouble::from(status(410)), Trouble::Expired));
        for code in [400, 401, 403, 404, 422, 429, 500, 503, 504] {
            assert!(matches!(Trouble::from(status(code)), Trouble::Client(_)));
        }
    }

    #[test]
    fn a_server_that_finds_the_parameters_invalid_does_not_stream_lists() {
        for code in [400, 422] {
            let trouble = Trouble::from(status(code)).of_streamed_list();
            assert!(matches!(trouble, Trouble::NoStreaming(_)));
        }
        for code in [401, 403, 500] {
            let trouble = Trouble::from(status(code)).of_streamed_list();
            assert!(matches!(trouble, Trouble::Client(_)));
        }
    }
}
