// What a data team does with Apify's JavaScript client; prints what it saw as JSON.
const { ApifyClient } = require('apify-client');

async function main(baseUrl, token) {
    const client = new ApifyClient({ baseUrl, token, maxRetries: 2 });
    const seen = {};
    const started = await client.actor('emulator/crawler').start({ items: 5 }, { memory: 256, timeout: 60, waitForFinish: 0 });
    seen.started = started.status;
    const run = await client.run(started.id).waitForFinish();
    seen.run = { status: run.status, exitCode: run.exitCode, memory: run.options.memoryMbytes, date: run.finishedAt instanceof Date };
    const called = await client.actor('emulator/crawler').call({ items: 1 }, { log: null });
    seen.called = called.status;
    const task = await client.task('emulator/my-task').call({ fail: 3 });
    seen.task = { status: task.status, exitCode: task.exitCode };

    const dataset = client.dataset(run.defaultDatasetId);
    const page = await dataset.listItems({ offset: 1, limit: 2, clean: true });
    seen.page = { items: page.items, total: page.total, count: page.count, offset: page.offset, limit: page.limit, desc: page.desc };
    await dataset.pushItems([{ n: 5 }, { n: 6 }]);
    seen.csv = (await dataset.downloadItems('csv', { fields: ['n'], bom: false })).toString();
    seen.itemCount = (await dataset.get()).itemCount;

    const store = client.keyValueStore(run.defaultKeyValueStoreId);
    await store.setRecord({ key: 'text', value: 'hello', contentType: 'text/plain' });
    await store.setRecord({ key: 'bytes', value: Buffer.from([0, 255]) });
    seen.keys = (await store.listKeys({ limit: 2 })).items.map((item) => item.key);
    seen.output = (await store.getRecord('OUTPUT')).value;
    seen.text = (await store.getRecord('text')).value;
    seen.bytes = [...(await store.getRecord('bytes', { buffer: true })).value];
    seen.exists = [await store.recordExists('text'), await store.recordExists('nothing')];
    seen.nothing = (await store.getRecord('nothing')) === undefined;

    const sleeping = await client.actor('emulator/crawler').start({ sleep: 1000 });
    await client.run(sleeping.id).abort();
    seen.aborted = (await client.run(sleeping.id).waitForFinish()).status;
    seen.last = (await client.actor('emulator/crawler').lastRun({ status: 'SUCCEEDED' }).get()).id === called.id;
    seen.runs = (await client.runs().list({ desc: true, limit: 2 })).items.map((item) => item.status);
    seen.log = (await client.log(run.id).get()).includes('crawling');
    seen.me = (await client.user('me').get()).username;
    seen.missing = (await client.run('nothing').get()) === undefined;
    try {
        await client.actor('emulator/crawler').start({}, { memory: 100 });
    } catch (error) {
        seen.error = { type: error.type, statusCode: error.statusCode };
    }
    console.log(JSON.stringify(seen));
}

main(process.argv[2], process.argv[3]).catch((error) => {
    console.error(error);
    process.exit(1);
});
