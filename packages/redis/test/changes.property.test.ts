import { testChanges } from "./changes.property.js";

// The long tests have more of them.
testChanges(15);
