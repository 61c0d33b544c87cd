"""A way that takes time: forwards TCP connections to another loopback address, each byte that much later.

usage: delay.py RESOLVER EXPORTER SECONDS     (HOST:PORT each; the delay counts in each direction)

Listens on 127.0.0.2 at the same ports, since a DCOM client takes the host it knows and the port it is told.
Prints its address once it listens. How much may be on the way is not limited.
"""

import asyncio
import sys

HERE = "127.0.0.2"


async def forward(reader, writer, delay):
    queue = asyncio.Queue()
    loop = asyncio.get_running_loop()

    async def deliver():
        while (item := await queue.get()) is not None:
            due, data = item
            await asyncio.sleep(max(0, due - loop.time()))
            writer.write(data)
            await writer.drain()
        writer.close()

    delivery = asyncio.create_task(deliver())
    try:
        while data := await reader.read(1 << 18):
            queue.put_nowait((loop.time() + delay, data))
    except ConnectionError:
        pass
    queue.put_nowait(None)
    try:
        await delivery
    except ConnectionError:
        pass


async def main():
    delay = float(sys.argv[3])
    for place in sys.argv[1:3]:
        host, port = place.rsplit(":", 1)

        async def accept(reader, writer, host=host, port=port):
            there, back = await asyncio.open_connection(host, int(port))
            await asyncio.gather(forward(reader, back, delay), forward(there, writer, delay))

        await asyncio.start_server(accept, HERE, int(port))
    print(HERE, flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
