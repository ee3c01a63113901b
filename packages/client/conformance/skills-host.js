// A host with skills (SEP-2640): the client brings lists and files and fetches nothing by itself; the host verifies what it loads.
import { createHash } from "node:crypto";
import { MinionClient } from "../dist/index.js";

/** Lists the skills and, where the scenario wants one loaded, reads its files for as long as they are what was announced. */
export async function beSkillsHost(url, scenario) {
  const client = new MinionClient({ servers: { test: { url } } });
  try {
    const { skills } = await client.request("test", "skills/list");
    if (scenario === "sep-2640-client-no-prefetch") return;
    for (const skill of skills) await load(client, skill);
  } finally {
    await client.close();
  }
}

async function load(client, { uri, frontmatter, resources }) {
  for (const resource of resources) {
    const { contents } = await client.readResource("test", resource.uri);
    const text = contents.map((content) => content.text).join("");
    if (Buffer.byteLength(text) !== resource.size) throw new Error(`${resource.uri} has another size than announced`);
    const digest = `sha256:${createHash("sha256").update(text).digest("hex")}`;
    if (digest !== resource.digest) throw new Error(`${resource.uri} has another digest than announced`);
    if (resource.uri !== uri) continue;
    for (const [name, value] of Object.entries(frontmatter))
      if (!text.includes(`\n${name}: ${value}\n`)) throw new Error(`${uri} has another ${name} than announced`);
  }
}
