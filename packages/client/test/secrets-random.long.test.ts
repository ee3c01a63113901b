import { testSecrets } from "./secrets-random.js";

testSecrets({ ofUrls: 12, ofProcesses: 4 });
