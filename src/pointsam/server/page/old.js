// For browsers without modules: they would show a page on which nothing works.
(function () {
  var line = document.createElement("p");
  line.id = "too-old";
  line.appendChild(document.createTextNode(
    "This browser is too old for this page: use a current Firefox, Chrome, Edge or Safari. " +
    "Nothing is lost; what you clicked is on this machine."
  ));
  document.body.insertBefore(line, document.body.firstChild);
})();
