{* What the administrator of the other site has to know, and how two sites are linked. *}
<div class="help">
  <p>{ts domain="civishare"}To link two sites, do on each of them:{/ts}</p>
  <ol>
    <li>{ts domain="civishare"}Create a node for this site, and a node for the other one with the identifier that it shows here.{/ts}</li>
    <li>{ts domain="civishare"}Create a peering with the other node and enter the endpoint URL that it shows here.{/ts}</li>
    <li>{ts domain="civishare"}Generate the secret on one site and enter the same on the other. Pass it on by a way that nobody else reads.{/ts}</li>
    <li>{ts domain="civishare"}Tick what goes out and what comes in. Something is shared only if it goes out here and comes in there.{/ts}</li>
  </ol>
  <table class="form-layout-compressed">
    <tr>
      <td class="label">{ts domain="civishare"}Identifier of this site{/ts}</td>
      <td>{if $identifier}<code>{$identifier|escape}</code>{else}<a href="{crmURL p='civicrm/admin/share/node' q='reset=1'}">{ts domain="civishare"}none yet: create the local node{/ts}</a>{/if}</td>
    </tr>
    <tr>
      <td class="label">{ts domain="civishare"}Endpoint URL of this site{/ts}</td>
      <td><code>{$endpoint|escape}</code></td>
    </tr>
  </table>
</div>
