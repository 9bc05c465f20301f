"""An Actor for the emulator: crawls the pages of one site over HTTP."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any
from urllib.parse import urldefrag, urljoin
from urllib.request import urlopen


class Page(HTMLParser):
    """Title and links of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.title = ""
        self.links: list[str] = []
        self._in_title = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a link, or that the title begins."""
        self._in_title = tag == "title"
        self.links += [value for name, value in attrs if tag == "a" and name == "href" and value]

    def handle_data(self, data: str) -> None:
        """Note the title."""
        self.title += data if self._in_title else ""

    def handle_endtag(self, tag: str) -> None:
        """Note that the title ends."""
        self._in_title = False


def crawl(actor: Any) -> None:
    """Push the URL, the title and the size of every page, breadth first."""
    start, limit = actor.input["startUrls"][0]["url"], actor.input["maxCrawlPages"]
    queue, seen = [start], {start}
    for number in range(1, limit + 1):
        if not queue:
            break
        url = queue.pop(0)
        actor.sleep(0.2)
        with urlopen(url, timeout=10) as response:  # noqa: S310 (a local server)
            html = response.read().decode(errors="replace")
        page = Page(html)
        title = page.title.strip()
        actor.push_data({"url": url, "title": title, "bytes": len(html), "links": len(page.links)})
        actor.log(f"Crawled {url}")
        actor.set_status_message(f"Crawled {number} of {limit} pages")
        links = (urldefrag(urljoin(url, link)).url for link in page.links)
        new = dict.fromkeys(link for link in links if link.startswith(start) and link not in seen)
        queue += new
        seen |= new.keys()
