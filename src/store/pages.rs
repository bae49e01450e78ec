//! A listing in pages.

use super::dir::Walk;
use super::s3::{PageToken, S3Store};
use super::{Listed, StoreError};

/// The names below a folder, page by page and in no order: however many there are, one page of them is held.
pub struct Pages<'a>(Of<'a>);

enum Of<'a> {
    Dir(Box<Walk<'a>>),
    S3 { store: &'a S3Store, prefix: String, token: PageToken },
}

impl<'a> Pages<'a> {
    pub(super) fn of_dir(walk: Walk<'a>) -> Self {
        Self(Of::Dir(Box::new(walk)))
    }

    pub(super) fn of_s3(store: &'a S3Store, prefix: &str) -> Self {
        Self(Of::S3 { store, prefix: prefix.to_owned(), token: PageToken::First })
    }

    /// The next names, at most 1,000; none at the end.
    pub async fn next(&mut self) -> Result<Option<Vec<Listed>>, StoreError> {
        match &mut self.0 {
            Of::Dir(walk) => walk.next_page(),
            Of::S3 { store, prefix, token } => {
                while !matches!(token, PageToken::End) {
                    let (page, next) = store.list_page(prefix, token.clone()).await?;
                    *token = next;
                    if !page.is_empty() {
                        return Ok(Some(page));
                    }
                }
                Ok(None)
            }
        }
    }
}
