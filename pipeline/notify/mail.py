"""One message as e-mail over SMTP, and what its refusal means."""

from __future__ import annotations

import ipaddress
import smtplib
import ssl
from email.message import EmailMessage
from email.utils import formatdate, parseaddr
from typing import Final
from urllib.parse import unquote, urlsplit

from pipeline.notify.failure import NotSent

TIMEOUT_SECONDS: Final = 20.0
PERMANENT: Final = 500
PORT: Final = 587
TLS_PORT: Final = 465
SECOND_MS: Final = 1_000


def letter(sender: str, recipient: str, message_id: str, title: str, body: str, at_ms: int) -> EmailMessage:
    """The e-mail. One that is sent twice has the same Message-ID. Raises NotSent for an address that is none."""
    _, domain = parseaddr(sender)[1].rsplit("@", 1)
    mail = EmailMessage()
    try:
        mail["From"] = sender
        mail["To"] = recipient
        mail["Subject"] = title
    except ValueError as error:
        raise NotSent(f"the address or the title cannot stand in an e-mail: {error}", final=True) from error
    mail["Date"] = formatdate(at_ms / SECOND_MS)
    mail["Message-ID"] = f"<{message_id}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(body)
    return mail


def send(url: str, mail: EmailMessage) -> None:
    """Hand the e-mail to the server that `url` names. Raises NotSent."""
    if not url:
        raise NotSent("ACCRUE_SMTP_URL is not set: set it where the worker is started", final=False)
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise NotSent(f"ACCRUE_SMTP_URL is not an address: {error}", final=False) from error
    if parts.scheme not in ("smtp", "smtps") or not host:
        raise NotSent("ACCRUE_SMTP_URL is not an address: write smtp://host:port or smtps://host", final=False)
    try:
        with _connected(parts.scheme, host, port or (TLS_PORT if parts.scheme == "smtps" else PORT)) as server:
            if parts.username:
                if not _private(server, host):
                    raise NotSent(f"{host} offers no TLS: the password is not sent in the clear", final=False)
                server.login(unquote(parts.username), unquote(parts.password or ""))
            server.send_message(mail)
    except smtplib.SMTPAuthenticationError as error:
        raise NotSent(f"{host} does not take the credentials: {error.smtp_code}", final=False) from error
    except smtplib.SMTPRecipientsRefused as error:
        code, text = next(iter(error.recipients.values()))
        raise NotSent(f"{code} {_text(text)}", final=code >= PERMANENT) from error
    except smtplib.SMTPResponseException as error:
        raise NotSent(f"{error.smtp_code} {_text(error.smtp_error)}", final=error.smtp_code >= PERMANENT) from error
    except (OSError, smtplib.SMTPException) as error:
        raise NotSent(str(error) or type(error).__name__, final=False) from error


def _connected(scheme: str, host: str, port: int) -> smtplib.SMTP:
    """TLS at once, or as soon as the server offers it."""
    context = ssl.create_default_context()
    if scheme == "smtps":
        return smtplib.SMTP_SSL(host, port, timeout=TIMEOUT_SECONDS, context=context)
    server = smtplib.SMTP(host, port, timeout=TIMEOUT_SECONDS)
    try:
        server.ehlo()
        if server.has_extn("starttls"):
            server.starttls(context=context)
            server.ehlo()
    except BaseException:
        server.close()
        raise
    return server


def _private(server: smtplib.SMTP, host: str) -> bool:
    """Whether nobody else can read along: TLS, or this very machine."""
    if isinstance(server.sock, ssl.SSLSocket):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _text(answer: bytes | str) -> str:
    return answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
