// Reads a registry with VS Code's own gallery code, as the editor does if an administrator sets
// `chat.mcp.gallery.serviceUrl`:
//
//     node run.mjs URL NAME VERSION HIDDEN_NAME
//
// NAME must be listed, found and looked up at VERSION, its latest; HIDDEN_NAME must be absent.
// Prints the results as one line of JSON; exits with 1 and a message if a check fails.
import assert from 'node:assert/strict';
import { CancellationToken } from '@codingame/monaco-vscode-api/vscode/vs/base/common/cancellation';
import { Event } from '@codingame/monaco-vscode-api/vscode/vs/base/common/event';
import { NullLogService } from '@codingame/monaco-vscode-api/vscode/vs/platform/log/common/log';
import { RegistryType } from '@codingame/monaco-vscode-api/vscode/vs/platform/mcp/common/mcpManagement';
import { AbstractCommonMcpManagementService } from '@codingame/monaco-vscode-api/vscode/vs/platform/mcp/common/mcpManagementService';
// A dependency of monaco-vscode-api, which pins its version.
import { request } from '@codingame/monaco-vscode-base-service-override/vscode/vs/base/parts/request/common/requestImpl';
import { McpGalleryService } from '@codingame/monaco-vscode-mcp-service-override/vscode/vs/platform/mcp/common/mcpGalleryService';
import { WorkbenchMcpGalleryManifestService } from '@codingame/monaco-vscode-mcp-service-override/vscode/vs/workbench/services/mcp/browser/mcpGalleryManifestService';

const [url, name, version, hidden] = process.argv.slice(2);
if (!hidden) {
  console.error('usage: node run.mjs URL NAME VERSION HIDDEN_NAME');
  process.exit(2);
}

// Only the surroundings of the gallery are replaced. The gallery turns many failures into an empty list and
// a log line, and any 4xx into "not found", so the log and the statuses are recorded.
const log = Object.assign(new NullLogService(), { complaints: [] });
log.warn = log.error = (message) => log.complaints.push(String(message));
const requests = [];
const requestService = {
  async request(options, token) {
    const context = await request(options, token);
    requests.push({ url: options.url, status: context.res.statusCode });
    return context;
  },
};
const configuration = {
  getValue: (key) => (key === 'chat.mcp.gallery' ? { serviceUrl: url } : undefined),
  onDidChangeConfiguration: Event.None,
};
const manifests = new WorkbenchMcpGalleryManifestService(
  {}, { getConnection: () => null }, requestService, log, configuration);
const gallery = new McpGalleryService(requestService, {}, log, manifests);

const MOST_PAGES = 1000;

/** Reads pages of 50, like the extensions view while it is scrolled. */
async function scroll(text) {
  const pager = await gallery.query({ text });
  const servers = [...pager.firstPage.items];
  let pages = 1;
  for (let more = pager.firstPage.hasMore; more; pages += 1) {
    assert(pages < MOST_PAGES, 'the pages do not end');
    const page = await pager.getNextPage(CancellationToken.None);
    servers.push(...page.items);
    more = page.hasMore;
  }
  return { servers, pages };
}

/** Reads pages of another size, which the editor does not offer, to get several pages from few servers. */
async function scrollBy(pageSize, searchText) {
  const manifest = await manifests.getMcpGalleryManifest();
  const servers = [];
  // As in the editor's own pager, requests after the first send the cursor without the search text.
  for (let pages = 1, query = { pageSize, searchText }; ; pages += 1) {
    assert(pages < MOST_PAGES, 'the pages do not end');
    const page = await gallery.queryGalleryMcpServers(query, manifest, CancellationToken.None);
    assert(page.servers.length <= pageSize, `a page of ${page.servers.length}, asked for ${pageSize}`);
    servers.push(...page.servers);
    if (!page.metadata.nextCursor) return { servers, pages };
    query = { pageSize, cursor: page.metadata.nextCursor };
  }
}

const names = (servers) => servers.map((server) => server.name);

function checkList(servers, what) {
  assert.equal(new Set(names(servers)).size, servers.length, `${what} names a server twice`);
  for (const server of servers) {
    assert(server.isLatest, `${what}: ${server.name} is not the latest`);
    assert(server.publishDate > 0 && server.lastUpdated > 0, `${what}: ${server.name} has no dates`);
    assert.equal(server.galleryUrl, url.replace(/\/$/, ''), `${what}: ${server.name} is of another gallery`);
  }
  const found = servers.find((server) => server.name === name);
  assert(found, `${what} lacks ${name}`);
  assert.equal(found.version, version, `${what} has another version of ${name}`);
  assert(!names(servers).includes(hidden), `${what} shows ${hidden}`);
}

async function main() {
  // The editor probes the API versions, and uses the first one that answers.
  const manifest = await manifests.getMcpGalleryManifest();
  assert.equal(manifest.version, 'v0.1', 'the version of the API');
  assert(gallery.isEnabled(), 'the gallery is not enabled');

  const listed = await scroll();
  checkList(listed.servers, 'the list');
  const third = Math.min(100, Math.ceil(listed.servers.length / 3));
  const small = await scrollBy(third);
  assert.deepEqual(names(small.servers), names(listed.servers), 'small pages list something else');

  const text = name.slice(name.indexOf('/') + 1);
  const searched = await scroll(text);
  checkList(searched.servers, 'the search');
  for (const server of searched.servers) {
    const told = [server.name, server.displayName, server.description].join('\n').toLowerCase();
    assert(told.includes(text.toLowerCase()), `the search for ${text} finds ${server.name}`);
  }
  const smallSearched = await scrollBy(1, text);
  assert.deepEqual(names(smallSearched.servers), names(searched.servers), 'small pages find something else');
  const hiddenSearched = await scroll(hidden);
  assert(!names(hiddenSearched.servers).includes(hidden), `a search finds ${hidden}`);

  // `chat.mcp.access: registry` and updates of installed servers depend on this.
  const [found] = await gallery.getMcpServersFromGallery([{ name }]);
  assert(found, `${name} is not found by its name: ${JSON.stringify(requests.at(-1))}`);
  assert.deepEqual(found, listed.servers.find((server) => server.name === name), 'list and lookup differ');
  assert.deepEqual(await gallery.getMcpServersFromGallery([{ name: hidden }]), [], `${hidden} is found`);
  const { url: asked, status } = requests.at(-1);
  assert(asked.endsWith(`/v0.1/servers/${encodeURIComponent(hidden)}/versions/latest`), `asked ${asked}`);
  assert.equal(status, 404, `${hidden} is answered as something else than absent`);

  // The configuration that an installation would write.
  const kind = found.configuration.packages?.[0]?.registryType ?? RegistryType.REMOTE;
  const management = new AbstractCommonMcpManagementService(log);
  const { mcpServerConfiguration, notices } = management.getMcpServerConfigurationFromManifest(
    found.configuration, kind);
  assert.deepEqual(notices, [], `installing ${name}`);

  assert.deepEqual(log.complaints, [], 'complaints in the log');
  console.log(JSON.stringify({
    client: 'vscode',
    listed: listed.servers.length,
    pages: listed.pages,
    smallPages: small.pages,
    searched: searched.servers.length,
    name: found.name,
    displayName: found.displayName,
    version: found.version,
    status: found.status,
    installs: mcpServerConfiguration.config,
    hidden: status,
    requests: requests.length,
  }));
}

try {
  await main();
} catch (error) {
  console.error(`vscode: ${error.message}`);
  for (const complaint of log.complaints) console.error(`vscode: its log: ${complaint}`);
  console.error(`vscode: the last request: ${JSON.stringify(requests.at(-1))}`);
  process.exitCode = 1;
}
