import { createHash } from "node:crypto";
import { createServer } from "node:http";

/** A package registry on loopback that speaks just enough of the protocol to be published to and installed from. */
export interface Registry {
  readonly url: string;
  /** The published versions of a package, in the order of their publication. */
  versions(name: string): readonly string[];
  close(): Promise<void>;
}

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dist?: Record<string, unknown>;
}

interface Publication {
  readonly versions: Readonly<Record<string, Manifest>>;
  readonly _attachments: Readonly<Record<string, { readonly data: string }>>;
}

/** Starts an empty one. */
export async function startRegistry(): Promise<Registry> {
  const documents = new Map<string, { versions: Record<string, Manifest>; time: Record<string, string> }>();
  const tarballs = new Map<string, Buffer>();
  let url = "";

  const publish = (name: string, { versions, _attachments }: Publication): number => {
    const document = documents.get(name) ?? { versions: {}, time: {} };
    const data = Object.values(_attachments)[0]?.data;
    for (const [version, manifest] of Object.entries(versions)) {
      if (version in document.versions || data === undefined) return 409;
      const content = Buffer.from(data, "base64");
      const path = `/tarballs/${name.replace("/", "-")}-${version}.tgz`;
      tarballs.set(path, content);
      const integrity = `sha512-${createHash("sha512").update(content).digest("base64")}`;
      document.versions[version] = { ...manifest, dist: { tarball: `${url}${path.slice(1)}`, integrity } };
      document.time[version] = new Date().toISOString();
    }
    documents.set(name, document);
    return 201;
  };

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const path = decodeURIComponent(new URL(request.url ?? "/", url).pathname);
      const name = path.slice(1);
      const json = (status: number, body: unknown): void => {
        response.writeHead(status, { "content-type": "application/json" });
        response.end(JSON.stringify(body));
      };
      const tarball = tarballs.get(path);
      if (request.method === "PUT")
        return json(publish(name, JSON.parse(Buffer.concat(chunks).toString("utf8"))), { ok: true });
      if (tarball !== undefined) return response.end(tarball);
      const document = documents.get(name);
      if (document === undefined) return json(404, { error: "not found" });
      const latest = Object.keys(document.versions).at(-1);
      json(200, { name, "dist-tags": { latest }, versions: document.versions, time: document.time });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}/`;
  return {
    url,
    versions: (name) => Object.keys(documents.get(name)?.versions ?? {}),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
