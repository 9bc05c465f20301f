"""An Actor built with Apify's SDK and Crawlee: follows links and stores what it saw."""

from __future__ import annotations

import asyncio

from apify import Actor
from crawlee.crawlers import HttpCrawler, HttpCrawlingContext


async def main() -> None:
    async with Actor:
        start = (await Actor.get_input())["url"]
        crawler = HttpCrawler(configure_logging=False)

        @crawler.router.default_handler
        async def handle(context: HttpCrawlingContext) -> None:
            body = await context.http_response.read()
            await context.push_data({"url": context.request.url, "size": len(body)})
            if context.request.url == start:
                await context.add_requests([f"{start}?page={number}" for number in range(5)])

        await crawler.run([start])


asyncio.run(main())
