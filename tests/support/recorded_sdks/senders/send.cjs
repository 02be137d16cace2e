// Sends the samples with CloudEvents' JavaScript SDK, by its own transport. NODE_PATH names the folder of `cloudevents`.
const fs = require("fs");
const { CloudEvent, HTTP, Mode, emitterFor, httpTransport } = require("cloudevents");

async function main(address, samples) {
  for (const sample of JSON.parse(fs.readFileSync(samples, "utf8"))) {
    const event = new CloudEvent({ ...sample.attributes, ...sample.extensions, data: sample.data });
    for (const [mode, name] of [[Mode.BINARY, "binary"], [Mode.STRUCTURED, "structured"]]) {
      const emit = emitterFor(httpTransport(`${address}/${name}/${sample.name}`), { binding: HTTP, mode });
      await emit(event).catch((error) => console.error(`${name} ${sample.name}: ${error.message}`));
    }
    if (sample.attributes.datacontenttype) {
      const bytes = event.cloneWith({ data: new Uint8Array(Buffer.from(JSON.stringify(sample.data))) });
      const to = httpTransport(`${address}/structured/${sample.name}`);
      await emitterFor(to, { binding: HTTP, mode: Mode.STRUCTURED })(bytes);
    }
  }
}

main(...process.argv.slice(2));
