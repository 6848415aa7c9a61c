//! One page of a list, for servers that do not stream them.

use std::time::Duration;

use kube::{
    Client,
    core::{Request, params::ListParams},
};
use serde::{Deserialize, de::DeserializeOwned};

use super::trouble::Trouble;

/// The number of objects on a page. An EndpointSlice has 100 endpoints, some 40 kB of JSON.
const PAGE_OBJECTS: u32 = 100;

/// How long the server may take for one page.
const PAGE_TIMEOUT: Duration = Duration::from_secs(30);

/// A page of a list.
#[derive(Deserialize)]
pub(super) struct Page<W> {
    #[serde(default)]
    metadata: PageMetadata,
    #[serde(default = "Vec::new")]
    pub(super) items: Vec<W>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct PageMetadata {
    resource_version: Option<String>,
    r#continue: Option<String>,
}

/// What follows a page.
pub(super) enum Next {
    /// Another page, fetched with this token.
    Page(String),
    /// Nothing: the list is complete and was true at this version.
    End(String),
}

impl<W> Page<W> {
    /// What follows this page.
    pub(super) fn next(&self) -> Result<Next, Trouble> {
        let given = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        match (
            given(&self.metadata.r#continue),
            given(&self.metadata.resource_version),
        ) {
            (Some(token), _) => Ok(Next::Page(token)),
            (None, Some(version)) => Ok(Next::End(version)),
            (None, None) => Err(Trouble::NoVersion),
        }
    }
}

/// Fetches a page: the first, or the one after `token`.
pub(super) async fn fetch<W: DeserializeOwned>(
    client: &Client,
    path: &str,
    token: Option<String>,
) -> Result<Page<W>, Trouble> {
    let parameters = ListParams {
        limit: Some(PAGE_OBJECTS),
        continue_token: token,
        ..ListParams::default()
    };
    let request = Request::new(path)
        .list(&parameters)
        .map_err(kube::Error::BuildRequest)?;
    match tokio::time::timeout(PAGE_TIMEOUT, client.request(request)).await {
        Ok(page) => Ok(page?),
        Err(_) => Err(Trouble::Silence(PAGE_TIMEOUT)),
    }
}
