"""An Actor built with Apify's own SDK, as a user would write it; knows nothing of the emulator."""

from __future__ import annotations

import asyncio

from apify import Actor, Event


async def main() -> None:
    async with Actor:
        wanted = await Actor.get_input() or {}
        Actor.log.info(f"Input: {wanted}")
        if "wait" in wanted:
            heard = asyncio.Event()

            async def on_aborting(_: object) -> None:
                await Actor.set_value("SAVED", {"heard": "aborting"})
                heard.set()

            Actor.on(Event.ABORTING, on_aborting)
            await Actor.set_value("LISTENING", True)
            await (heard.wait() if wanted["wait"] == "politely" else asyncio.sleep(1000))
            return
        if "hoard" in wanted:
            hoard = bytearray(wanted["hoard"] << 20)
            hoard[::4096] = b"x" * len(hoard[::4096])
            await asyncio.sleep(1000)
        await Actor.push_data([{"n": number} for number in range(1000)])
        await Actor.charge("page", count=5)
        queue = await Actor.open_request_queue()
        await queue.add_requests([f"https://example.com/{number}" for number in range(3)])
        while request := await queue.fetch_next_request():
            await queue.mark_request_as_handled(request)
        await Actor.set_value("OUTPUT", {"env": Actor.configuration.actor_run_id})
        await Actor.set_status_message("All done")
        if "fail" in wanted:
            await Actor.fail(exit_code=wanted["fail"], status_message="As asked")


asyncio.run(main())
