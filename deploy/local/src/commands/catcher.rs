//! `catcher`: mail and webhooks, caught in a container.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;

use crate::mail_catcher::MailCatcher;
use crate::webhook_catcher::WebhookCatcher;

pub(super) async fn run(smtp: SocketAddr, http: SocketAddr, mail: &Path) -> Result<()> {
    let (mails, webhooks) = start(smtp, http, mail).await?;
    println!(
        "{}",
        serde_json::json!({ "smtp": mails.address(), "http": webhooks.address() })
    );
    // Ctrl-C ends it from outside.
    std::future::pending().await
}

async fn start(
    smtp: SocketAddr,
    http: SocketAddr,
    mail: &Path,
) -> Result<(MailCatcher, WebhookCatcher)> {
    let mails = MailCatcher::listen(smtp, mail).await?;
    let webhooks = WebhookCatcher::listen(http, mails.pages()).await?;
    Ok((mails, webhooks))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail_catcher::Mailbox;

    #[tokio::test]
    async fn caught_mail_is_read_over_http_and_everything_else_is_a_webhook() {
        let folder = tempfile::tempdir().unwrap();
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let (_mails, webhooks) = start(any, any, folder.path()).await.unwrap();
        let url = format!("http://{}", webhooks.address());
        let mailbox = Mailbox::at(url.clone());
        assert_eq!(mailbox.all().await.unwrap(), []);
        let eml = "Return-Path: <a@b.example>\r\nDelivered-To: c@d.example\r\nSubject: Angebot für März\r\n\r\nhallo\r\n";
        std::fs::write(folder.path().join("000000.eml"), eml).unwrap();
        let found = mailbox.find(Some("c@d.example"), Some("März")).await;
        assert_eq!(found.unwrap().len(), 1);
        let client = reqwest::Client::new();
        client
            .post(format!("{url}/finance"))
            .body("{}")
            .send()
            .await
            .unwrap();
        assert_eq!(webhooks.caught().len(), 1);
    }
}
