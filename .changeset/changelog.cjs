// What a user reads in a CHANGELOG: the sentence of the changeset, and the versions of its own packages that a release needs.
const listed = new Intl.ListFormat("en");

module.exports = {
  getReleaseLine: async ({ summary }) => `- ${summary.trim().replaceAll("\n", "\n  ")}`,
  getDependencyReleaseLine: async (_changesets, updated) =>
    updated.length === 0
      ? ""
      : `- Uses ${listed.format(updated.map(({ name, newVersion }) => `${name} ${newVersion}`))}.`,
};
